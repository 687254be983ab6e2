"""A real PostgreSQL for the test session.

One server for all test processes of a run: the first that needs it starts it, and it ends with the last of them.
Each test gets a database of its own, copied from a template, or one that was used before and is as new again.

    server = postgresql.shared()           # once a process
    url = server.database()                # a fresh one with every table
"""

import contextlib
import fcntl
import os
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

from servers import postgresql
from servers.postgresql import QUICK, SAFE, awaited, free_port, statement
from tests.support.emptying import Fresh
from waypost.db.migrations import migrate

__all__ = ["QUICK", "SAFE", "Postgresql", "free_port", "shared", "statement"]

TEMPLATE = "waypost_template"


class Postgresql(postgresql.Postgresql):
    """A server that hands out databases."""

    def __init__(self, place: Path, *settings: str, port: int | None = None) -> None:
        super().__init__(place, *settings, port=port)
        self._made = 0
        self._new: Fresh | None = None  # what a database is that nobody has used
        self._lent: set[str] = set()
        self._spare: list[str] = []  # as new, and nobody uses them

    def prepare(self) -> None:
        """Make the template."""
        awaited(statement(self.url("postgres"), f"CREATE DATABASE {TEMPLATE}"))
        awaited(migrate.upgrade_shared(self.url(TEMPLATE)))

    async def database(self, *, empty: bool = False, like: str | None = None) -> str:
        """The URL of a new database with every table, without any, or as that one, which nobody must be using."""
        if self._spare and not empty and like is None:
            url = self._spare.pop()
            self._lent.add(url)
            return url
        if like is not None and self._new is None:
            await self.drop(await self.database())  # what new is cannot be seen in one that has been used
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        template = like.rsplit("/", 1)[1] if like else "template0" if empty else TEMPLATE
        await statement(self.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        if not empty:
            self._new = self._new or await Fresh.of(self.url(name))
            self._lent.add(self.url(name))
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Take a database away with whoever is connected to it; one that can be made as new is kept for others."""
        is_lent = url in self._lent
        self._lent.discard(url)
        if is_lent and self._new is not None and await self._new.restore(url):
            self._spare.append(url)
            return
        name = url.rsplit("/", 1)[1]
        await statement(self.url("postgres"), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@cache
def shared() -> Postgresql:
    """The server that this run's test processes share. It ends, and its folder goes, with the last of them."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir())
    with (folder / f"waypost-pg-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in count():
            with contextlib.suppress(BlockingIOError):
                return _joined(folder / f"waypost-pg-{run[:16]}-{number}")
    raise AssertionError


def _joined(place: Path) -> Postgresql:
    """The server in `place`, started if there is none. Raises BlockingIOError when it is ending."""
    note = place / "port"
    if place.exists():
        try:
            return Postgresql(place, port=int(note.read_text()))
        except FileNotFoundError:  # whoever started it did not come that far
            raise BlockingIOError from None
    place.mkdir()
    server = Postgresql(place)
    server.start().prepare()
    note.write_text(str(server.port))
    return server
