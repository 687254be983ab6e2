"""The embedded store: one writer thread with group commit, and a few read-only readers.

Many `write` calls share one commit, so that a durable write costs a share of an fsync. When one of them fails, all
of the commit is undone and run again with a savepoint each: savepoints cost a sixth of the writer's time, and
failures are rare.
What the control plane writes goes first, and its commit waits for little behind it: somebody waits for each of
these calls, while deliveries and accepts come by the hundred.
Only the writer thread ever writes or checkpoints: SQLite before 3.51.3 can corrupt a WAL that two
connections reset at once. `db/lock.py` keeps a second process away.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import sqlalchemy as sa

from waypost.db.database import Beside, Tx
from waypost.errors import Unavailable

T = TypeVar("T")

MOST_WRITES_IN_A_COMMIT = 512
MOST_BESIDE_IN_A_COMMIT = 64
"""Messages of writes of the message path: more would save little of a sync, and all wait for the last one."""
MOST_BEHIND_FIRST = 16
"""The same, once a write of the control plane is among them."""
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
    first: bool
    size: int
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """The store in one file."""

    shared = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        self._engine = engine(path)
        self._gathered: deque[_Job] = deque()
        self._gathering: asyncio.AbstractEventLoop | None = None
        self._arrived: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._first: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        self._ending = False
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
        """See `Database.write`; there is one writer, and what could not run `beside` others goes first."""
        if self._closed:
            raise Unavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        job = _Job(fn, loop.create_future(), loop, first=beside is None, size=beside.size if beside else 0)
        if job.first:
            self._arrived.put([job])
        else:
            self._gather(job)
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
        self._hand_over()
        self._arrived.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for reader in self._reading:
            reader.close()
        self._connection.close()
        self._engine.dispose()

    def _gather(self, job: _Job) -> None:
        """Hand it to the writer with all others of this turn of the loop.

        Handed over one by one, they would wake the writer for the first one, and it would struggle with the loop
        for Python's lock at each statement, for as long as the loop works on the others.
        """
        self._gathered.append(job)
        if self._gathering is not job.loop:
            self._gathering = job.loop
            job.loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._gathering = None  # first: what another thread gathers from here on, it hands over itself
        jobs: list[_Job] = []
        with suppress(IndexError):
            while True:
                jobs.append(self._gathered.popleft())
        self._arrived.put(jobs)

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
        while not self._ending or self._first or self._others:
            self._sort(wait=not (self._first or self._others))
            if self._first or self._others:
                self._commit()

    def _sort(self, *, wait: bool = False) -> None:
        """Put what has come where it waits for its turn."""
        while wait or not self._arrived.empty():
            wait = False
            jobs = self._arrived.get()
            if jobs is None:  # the last thing that comes
                self._ending = True
                return
            for job in jobs:
                (self._first if job.first else self._others).append(job)

    def _due(self) -> Iterator[_Job]:
        """The jobs of one commit, each when the one before has run, those that come meanwhile among them."""
        beside = MOST_BESIDE_IN_A_COMMIT
        for _ in range(MOST_WRITES_IN_A_COMMIT):
            self._sort()
            if self._first:
                beside = min(beside, MOST_BEHIND_FIRST)
                yield self._first.popleft()
            elif self._others and beside > 0:
                job = self._others.popleft()
                beside -= job.size
                yield job
            else:
                return

    def _commit(self) -> None:
        jobs: list[_Job] = []
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
        """Begin, and run what is due, and put it in `jobs`; False, with nothing begun, when one of them failed."""
        due = self._due()
        jobs.append(next(due))  # before anything can fail: somebody is told whatever happens
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            jobs[0].result = jobs[0].fn(self._connection)
            for job in due:
                jobs.append(job)
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
