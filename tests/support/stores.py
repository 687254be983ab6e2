"""The two stores, for tests that run on both: each test gets an empty one of its own, with every table."""

import asyncio
import atexit
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tests.support import postgresql
from waypost.db import sqlite
from waypost.db.database import Beside, Database, Tx, metadata
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.queues import postgresql as hot_postgresql
from waypost.queues import sqlite as hot_sqlite
from waypost.queues.port import Hot

T = TypeVar("T")

STORES = ("sqlite", "postgresql")


@asynccontextmanager
async def opened(kind: str, place: Path) -> AsyncIterator["Store"]:
    """An empty store; what it needs on disk is in `place`."""
    if kind == "sqlite":
        shutil.copyfile(_empty_file(), place / "waypost.sqlite3")
        embedded = SqliteDatabase(place / "waypost.sqlite3")
        yield embedded
        await embedded.close()
        return
    server = postgresql.shared()
    url = await server.database()
    store = Anywhere(url)
    try:
        yield store
    finally:
        await store.close()
        await server.drop(url)


@cache
def _empty_file() -> Path:
    """A SQLite file with every table and no row, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-empty-"))
    atexit.register(shutil.rmtree, folder)
    engine = sqlite.engine(folder / "waypost.sqlite3")
    with engine.connect() as connection:
        metadata.create_all(connection)
    engine.dispose()
    return folder / "waypost.sqlite3"


class Anywhere:
    """PostgreSQL for callers of any event loop: a test's own, and that of what it serves in a thread."""

    shared = True

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.store = PostgresqlDatabase(url)

    @property
    def commits(self) -> int:
        return self.store.commits

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        return await self._there(self.store.write(fn, beside=beside))

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._there(self.store.read(fn))

    async def close(self) -> None:
        if self._thread.is_alive():
            await self._there(self.store.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
            self._loop.close()

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


Store = SqliteDatabase | Anywhere


def commits_of(db: Database) -> int:
    """How many transactions that changed something were committed."""
    assert isinstance(db, Store)
    return db.commits


def hot_of(db: Database) -> Hot:
    """The store's hot statements."""
    return hot_postgresql if db.shared else hot_sqlite
