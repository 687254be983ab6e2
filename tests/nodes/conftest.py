"""Several servers on one PostgreSQL, as processes: what an operator would start."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgresql
from tests.support.nodes import Node, nodes, settings
from tests.support.waypost import Server


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What `waypost init` leaves in an empty database and in a folder; nobody runs on it."""
    server, place = postgresql.shared(), tmp_path_factory.mktemp("template")
    url = asyncio.run(server.database(empty=True))
    yield Server(place, settings=settings(url, place))
    asyncio.run(server.drop(url))


@pytest.fixture
def node(template: Server, tmp_path: Path) -> Iterator[Node]:
    server = postgresql.shared()
    url = asyncio.run(server.database(like=template.environment["WAYPOST_DATABASE_URL"]))
    with ExitStack() as stack:
        yield nodes(url, tmp_path, stack, like=template)
    asyncio.run(server.drop(url))
