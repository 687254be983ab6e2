"""Several servers on one PostgreSQL, as processes: what an operator would start."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgresql
from tests.support.waypost import Server

Node = Callable[..., Server]
"""Makes a started node by its role; the first one sets the store up."""


def settings(url: str, place: Path) -> dict[str, str]:
    return {
        "WAYPOST_DATABASE_URL": url,
        "WAYPOST_MASTER_KEY_FILE": str(place / "sealing.key"),
        "WAYPOST_RETRY_SCHEDULE": "0.2",
    }


def nodes(url: str, place: Path, stack: ExitStack) -> Node:
    made: list[Server] = []

    def node(role: str) -> Server:
        own = place / f"node-{len(made)}"
        own.mkdir()
        server = Server(own, "--role", role, settings=settings(url, place), like=made[0] if made else None)
        made.append(server)
        return stack.enter_context(server)

    return node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    server = postgresql.shared()
    url = asyncio.run(server.database(empty=True))
    with ExitStack() as stack:
        yield nodes(url, tmp_path, stack)
    asyncio.run(server.drop(url))
