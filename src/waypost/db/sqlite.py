"""The embedded store: one writer thread with group commit, and a few read-only readers.

Many `write` calls share one commit, so that a durable write costs a share of an fsync. When one of them fails, all
of the commit is undone and run again with a savepoint each: savepoints cost a sixth of the writer's time, and
failures are rare.
Only the writer thread ever writes or checkpoints: SQLite before 3.51.3 can corrupt a WAL that two
connections reset at once. `db/lock.py` keeps a second process away.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import sqlalchemy as sa

from waypost.db.database import Beside, Tx
from waypost.errors import Unavailable

T = TypeVar("T")

MOST_WRITES_IN_A_COMMIT = 512
READERS = 4


def library() -> ModuleType:
    """`pysqlite3` where it has a wheel (it carries a newer SQLite), else the standard library's module."""
    try:
        import pysqlite3
    except ImportError:
        return sqlite3
    module: ModuleType = pysqlite3
    return module


def engine(path: Path) -> sa.Engine:
    """A SQLAlchemy engine on the file that leaves transactions to us."""
    return sa.create_engine(
        f"sqlite:///{path}",
        module=library(),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False, "timeout": 5, "cached_statements": 512},
    )


@dataclass(slots=True)
class _Job:
    fn: Callable[[Tx], Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """The store in one file."""

    shared = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        self._engine = engine(path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_until_closed, name="waypost-writer", daemon=True)
        self._local = threading.local()
        self._reading: list[Tx] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="waypost-reader")
        self._closed = False
        self._connection = self._engine.connect()
        self._raw = _raw(self._connection)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=FAST",
            "foreign_keys=ON",
            "journal_size_limit=67108864",
            "cache_size=-65536",
        ):
            self._raw.execute(f"PRAGMA {pragma}")
        self._writer.start()

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        """See `Database.write`; there is one writer, whatever runs `beside`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        job = _Job(fn, loop.create_future(), loop)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `Database.read`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    async def close(self) -> None:
        """See `Database.close`."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for reader in self._reading:
            reader.close()
        self._connection.close()
        self._engine.dispose()

    def _read(self, fn: Callable[[Tx], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            _raw(connection).execute("PRAGMA query_only=ON")
            self._reading.append(connection)
        raw = _raw(connection)
        try:
            raw.execute("BEGIN")
            try:
                return fn(connection)
            finally:
                raw.execute("ROLLBACK")
        except (sa.exc.OperationalError, library().OperationalError) as error:
            raise _unavailable(error) from error

    def _write_until_closed(self) -> None:
        open_ = True
        while open_:
            job = self._jobs.get()
            jobs: list[_Job] = []
            while job is not None:
                jobs.append(job)
                if len(jobs) == MOST_WRITES_IN_A_COMMIT:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            else:
                open_ = False
            if jobs:
                self._commit(jobs)

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            if not self._run_together(jobs):
                self._raw.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    self._run(job)
            self._raw.execute("COMMIT")
            self.commits += 1
        except BaseException as error:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            for job in jobs:
                job.error = job.error or _unavailable(error)
        loops = {job.loop for job in jobs}
        for loop in loops:
            done = [job for job in jobs if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, done)
            except RuntimeError:  # that loop is gone, and with it whoever waited
                continue

    def _run_together(self, jobs: list[_Job]) -> bool:
        """Begin, and run all jobs; False, with nothing begun, when one of them failed."""
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.result = job.fn(self._connection)
        except BaseException:
            if not self._raw.in_transaction:  # a full disk or an I/O error ends the transaction itself
                raise
            self._raw.execute("ROLLBACK")
            return False
        return True

    def _run(self, job: _Job) -> None:
        """Run one job in a savepoint. Raises only when the whole transaction is lost."""
        self._raw.execute("SAVEPOINT job")
        try:
            job.result = job.fn(self._connection)
        except BaseException as error:
            if not self._raw.in_transaction:  # a full disk or an I/O error ends the transaction itself
                raise
            self._raw.execute("ROLLBACK TO job")
            lost = isinstance(error, (sa.exc.OperationalError, library().OperationalError))
            job.error = _unavailable(error) if lost else error
        self._raw.execute("RELEASE job")


def _raw(connection: Tx) -> Any:
    """The driver's own connection, typed Any: two drivers share the interface, not a type."""
    return connection.connection.driver_connection


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _unavailable(error: BaseException) -> Unavailable:
    """The store's own word, without the statement: that could carry values."""
    word = str(getattr(error, "orig", error)).splitlines()[0][:120] if str(error) else type(error).__name__
    return Unavailable(f"The store cannot be used right now ({word}).", code="store_unavailable")
