"""What the documents are held against."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.waypost import Server
from waypost import settings
from waypost.assembly.node import build_node
from waypost.clock import Clock
from waypost.db.sqlite import SqliteDatabase
from waypost.vault import keyring
from waypost.web.document import unbuilt


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that pages share which need none of their own."""
    grantable = {"WAYPOST_GRANTABLE_NETWORKS": "10.20.0.0/16"}
    with Server(tmp_path_factory.mktemp("pages"), settings=grantable) as made:
        yield made


@pytest.fixture(scope="package")
def served_routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[tuple[str, str]]]:
    """Method and path shape of every route that the application serves itself."""
    folder = tmp_path_factory.mktemp("served")
    db = SqliteDatabase(folder / "waypost.sqlite3")
    keys = keyring.create(folder / "sealing.key")
    waypost = build_node(settings.load(data=folder), Clock(), db, keys)
    yield {(method, unbuilt.shape(path)) for method, path in unbuilt.served(waypost.faces.http.routes)}
    asyncio.run(db.close())
