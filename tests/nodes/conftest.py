"""Several servers on one PostgreSQL, as processes: what an operator would start."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgresql
from tests.support.nodes import Node, nodes


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    server = postgresql.shared()
    url = asyncio.run(server.database(empty=True))
    with ExitStack() as stack:
        yield nodes(url, tmp_path, stack)
    asyncio.run(server.drop(url))
