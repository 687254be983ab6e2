"""Servers on one PostgreSQL, each with a folder of its own: what an operator would start."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.support.waypost import Server

Node = Callable[..., Server]
"""Makes a started node by its role; the first one sets the store up, unless that is like another one."""


def settings(url: str, place: Path) -> dict[str, str]:
    return {
        "WAYPOST_DATABASE_URL": url,
        "WAYPOST_MASTER_KEY_FILE": str(place / "sealing.key"),
        "WAYPOST_RETRY_SCHEDULE": "0.2",
    }


def nodes(url: str, place: Path, stack: ExitStack, *, like: Server | None = None) -> Node:
    made = [like] if like else []
    if like is not None:
        shutil.copy2(like.environment["WAYPOST_MASTER_KEY_FILE"], settings(url, place)["WAYPOST_MASTER_KEY_FILE"])

    def node(role: str) -> Server:
        own = place / f"node-{len(made)}"
        own.mkdir()
        server = Server(own, "--role", role, settings=settings(url, place), like=made[0] if made else None)
        made.append(server)
        return stack.enter_context(server)

    return node
