"""The store that a stage stands on: a folder with SQLite, or a folder and a database on a server of our own."""

import itertools
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from servers import postgresql
from servers.postgresql import awaited, statement
from waypost.demo.server import waypost

StoreKind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class ServerData:
    """Where one server has its data; `url` is the database's, if there is one."""

    folder: Path
    url: str | None
    key_file: Path

    def beside(self, name: str) -> "ServerData":
        """The same store, as a node with a folder of its own has it. The folder is made."""
        folder = self.folder.with_name(name) / "data"
        folder.mkdir(parents=True, exist_ok=True)
        return replace(self, folder=folder)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that say so."""
        if self.url is None:
            return {}
        return {
            "WAYPOST_DATABASE_URL": self.url,
            "WAYPOST_MASTER_KEY_FILE": str(self.key_file),
        }


class Store:
    """A store that was set up once and is copied for each stage. Make it with `opened`."""

    def __init__(self, new: ServerData, server: postgresql.Postgresql | None) -> None:
        self.folder = new.folder.parent
        self.kind: StoreKind = "sqlite" if server is None else "postgresql"
        self._new = new
        self._server = server
        self._numbers = itertools.count()
        said = waypost("init", "--data", str(new.folder), "--json", **new.environment)
        self.environment_id: str = json.loads(said)["environments"]["Development"]

    def copy(self, to: Path) -> ServerData:
        """A copy of the new store, of its own."""
        folder = shutil.copytree(self._new.folder, to)
        if self._server is None:
            return replace(self._new, folder=folder)
        template = str(self._new.url).rpartition("/")[2]
        name = f"{template}_{next(self._numbers)}"
        awaited(statement(self._server.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {template}"))
        return replace(self._new, folder=folder, url=self._server.url(name))


@contextmanager
def opened(kind: StoreKind, place: Path) -> Iterator[Store]:
    """A new store in that folder."""
    if kind == "sqlite":
        yield Store(ServerData(place / "new", None, place / "bench.key"), None)
        return
    server = postgresql.Postgresql(place / "postgresql", *postgresql.SAFE).start()
    try:
        yield on(server, place)
    finally:
        server.stop()


def on(server: postgresql.Postgresql, place: Path) -> Store:
    """A new store in a database of its own on that server, with its folder in `place`."""
    template = f"bench_{secrets.token_hex(4)}"
    awaited(statement(server.url("postgres"), f"CREATE DATABASE {template}"))
    return Store(ServerData(place / "new", server.url(template), place / "bench.key"), server)
