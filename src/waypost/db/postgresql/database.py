"""The shared store: PostgreSQL through asyncpg, for any number of nodes.

Writes run one after the other on all nodes together, as on SQLite: each commit holds one row's lock. Those that
say what they lock run `beside` them, in lanes (one shape for two stores). Reads run on snapshots of their own.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from waypost.db.database import Beside, Tx
from waypost.db.postgresql.connections import Connections, engine, execute, fetch
from waypost.db.postgresql.lanes import Job, Lane
from waypost.db.postgresql.watch import Watch
from waypost.errors import Unavailable

T = TypeVar("T")

COMMITTERS_A_LANE = 2
READERS = 8
LONG_SECONDS = 5.0
OLDEST_VERSION = 150_000

log = structlog.get_logger("waypost.store")


class PostgresqlDatabase:
    """The store behind a URL. Make it inside the event loop that uses it; it connects when it must."""

    shared = True

    def __init__(self, url: str, *, long_seconds: float = LONG_SECONDS) -> None:
        """`long_seconds`: after which a connection in use is asked after."""
        self._engine = engine(url, autocommit=True)
        self._lanes: dict[str, Lane] = {}
        self._readers = asyncio.Semaphore(READERS)
        self._watch = Watch(self._engine.connect, long_seconds)
        self._reading = self._connections()
        self._closed = False

    @property
    def commits(self) -> int:
        """How many transactions were committed."""
        return sum(lane.commits for lane in self._lanes.values())

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        """See `Database.write`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        name = "" if beside is None else beside.lane
        lane = self._lanes.get(name)
        if lane is None:
            in_order = beside is None or beside.in_order
            lane = self._lanes[name] = Lane(self._connections, committers=1 if in_order else COMMITTERS_A_LANE)
        job = Job(fn, beside.rows if beside else (), beside is None, asyncio.get_running_loop().create_future())
        lane.put(job)
        result: T = await job.future
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `Database.read`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        async with self._readers:
            return await self._reading.use(lambda connection: _snapshot(connection, fn))

    async def close(self) -> None:
        """See `Database.close`."""
        if self._closed:
            return
        self._closed = True
        for lane in self._lanes.values():
            await lane.close()
        await self._reading.close()
        await self._watch.close()
        await self._engine.dispose()

    async def look(self) -> None:
        """Warn of a server that is too old, or that would lose what it said was safe."""
        found = await self.read(_settings)
        version = int(found["server_version_num"])
        log.info("store.opened", postgresql=found["server_version"])
        if version < OLDEST_VERSION:
            log.warning("store.too_old", postgresql=found["server_version"], needed="15 or newer")
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if found[name] == "off":
                log.warning("store.not_durable", setting=name, detail="A crash can lose acknowledged messages.")

    def _connections(self) -> Connections:
        return Connections(self._engine, self._watch)


async def _snapshot(connection: AsyncConnection, fn: Callable[[Tx], T]) -> T:
    return await connection.run_sync(_read, fn)


def _read(tx: Tx, fn: Callable[[Tx], T]) -> T:
    execute(tx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return fn(tx)
    finally:
        with suppress(Exception):
            execute(tx, "ROLLBACK")


def _settings(tx: Tx) -> dict[str, str]:
    names = ("server_version", "server_version_num", "fsync", "synchronous_commit", "full_page_writes")
    return {name: str(fetch(tx, "SELECT current_setting($1, true)", name)[0][0]) for name in names}
