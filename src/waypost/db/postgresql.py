"""The shared store: PostgreSQL through asyncpg, for any number of nodes.

Writes run one after the other on all nodes together, as on SQLite: each commit holds one row's lock. Those that
say what they lock run `beside` them, in lanes (one shape for two stores). Either way many functions
share one commit; when one of them fails, all of it is undone and run again with a savepoint each, which costs
every function a round trip. Reads run on snapshots of their own.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from waypost.db import hosts, pgerrors
from waypost.db.database import Beside, Tx, metadata
from waypost.db.dial import Dial
from waypost.db.watch import Watch
from waypost.errors import Unavailable

T = TypeVar("T")

MOST_WRITES_IN_A_COMMIT = 64
"""More subtransactions than PostgreSQL keeps in memory would slow every snapshot down."""
COMMITTERS_A_LANE = 2
READERS = 8
MOST_RUNS = 12
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60
LONG_SECONDS = 5.0
OLDEST_VERSION = 150_000

# A node that vanished must not keep its locks: the server asks after it, and ends what stands still. Planning a
# hot statement anew costs more than running it: one plan is kept for each (measured: 3.7 times the accepts).
# Nothing here is long enough to be worth compiling.
_SESSION = {
    "application_name": "waypost",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "20s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_TURN = """
INSERT INTO writer_turn (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = writer_turn.number + 1
"""

log = structlog.get_logger("waypost.store")


def url_of(text: str) -> sa.URL:
    """The URL of a setting, for asyncpg, with its first host; `sslmode` means what libpq means by it."""
    url = sa.make_url(hosts.split(text)[0]).set(drivername="postgresql+asyncpg")
    mode = url.query.get("sslmode")
    url = url.difference_update_query(["sslmode", hosts.ATTRIBUTES])
    return url if mode is None else url.update_query_dict({"ssl": mode})


def engine(url: str, *, autocommit: bool) -> AsyncEngine:
    """A SQLAlchemy engine without a pool; with `autocommit` it leaves transactions to us."""
    wanted = sa.make_url(hosts.split(url)[0]).query.get(hosts.ATTRIBUTES)
    arguments = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": STATEMENT_SECONDS,
        "server_settings": _SESSION,
        "async_creator_fn": Dial(hosts.split(url)[1], None if wanted is None else str(wanted)),
    }
    level = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    return create_async_engine(url_of(url), poolclass=sa.NullPool, connect_args=arguments, **level)


def fetch(tx: Tx, statement: str, *values: Any) -> list[Any]:
    """The rows of a hot statement, by the driver itself: `$1` and on are its parameters.

    Raises IntegrityError as SQLAlchemy does.
    """
    try:
        rows: list[Any] = await_only(_raw(tx).fetch(statement, *values))
    except asyncpg.IntegrityConstraintViolationError as error:
        raise sa.exc.IntegrityError(None, None, error) from error
    return rows


@dataclass(slots=True)
class _Job:
    fn: Callable[[Tx], Any]
    rows: tuple[tuple[str, str | int], ...]
    turn: bool
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        """Tell whoever waits, unless they have gone."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class PostgresqlDatabase:
    """The store behind a URL. Make it inside the event loop that uses it; it connects when it must."""

    shared = True

    def __init__(self, url: str, *, long_seconds: float = LONG_SECONDS) -> None:
        """`long_seconds`: after which a connection in use is asked after."""
        self.commits = 0
        self._engine = engine(url, autocommit=True)
        self._lanes: dict[str, _Lane] = {}
        self._readers = asyncio.Semaphore(READERS)
        self._idle: list[AsyncConnection] = []
        self._watch = Watch(self._engine.connect, long_seconds)
        self._closed = False

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        """See `Database.write`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        name = "" if beside is None else beside.lane
        lane = self._lanes.get(name)
        if lane is None:
            in_order = beside is None or beside.in_order
            lane = self._lanes[name] = _Lane(self, committers=1 if in_order else COMMITTERS_A_LANE)
        job = _Job(fn, beside.rows if beside else (), beside is None, asyncio.get_running_loop().create_future())
        lane.put(job)
        result: T = await job.future
        return result

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `Database.read`."""
        if self._closed:
            raise Unavailable("The store is closed.")
        async with self._readers:
            return await self._with_connection(self._idle, lambda connection: _snapshot(connection, fn))

    async def close(self) -> None:
        """See `Database.close`."""
        if self._closed:
            return
        self._closed = True
        for lane in self._lanes.values():
            await lane.close()
        while self._idle:
            await _let_go(self._idle.pop())
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

    async def _connect(self) -> AsyncConnection:
        try:
            return await self._engine.connect()
        except Exception as error:
            raise pgerrors.unavailable(error) from error

    async def _with_connection(
        self, idle: list[AsyncConnection], use: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        """Use an idle connection, or a new one; an idle one that had died is replaced once."""
        while True:
            known = bool(idle)
            connection = idle.pop() if known else await self._connect()
            try:
                async with self._watch.over(connection):
                    result = await use(connection)
            except BaseException as error:
                if _is_broken(connection, error):
                    await _let_go(connection)
                    if known and isinstance(error, Exception) and not isinstance(error, _Unsure):
                        continue
                else:
                    self._keep(idle, connection)
                if isinstance(error, Exception) and pgerrors.is_ours(error):
                    raise pgerrors.unavailable(error) from error
                raise
            self._keep(idle, connection)
            return result

    def _keep(self, idle: list[AsyncConnection], connection: AsyncConnection) -> None:
        idle.append(connection)


class _Unsure(Unavailable):
    """The connection broke while committing: nobody knows whether it did."""


class _Lane:
    """Committers that take whatever waits and commit it together."""

    def __init__(self, db: PostgresqlDatabase, *, committers: int) -> None:
        self._db = db
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._commit_until_closed()) for _ in range(committers)]

    def put(self, job: _Job) -> None:
        """Have it committed."""
        self._jobs.put_nowait(job)

    async def close(self) -> None:
        """Commit what waits, then end."""
        for _ in self._tasks:
            self._jobs.put_nowait(None)
        await asyncio.gather(*self._tasks)

    async def _commit_until_closed(self) -> None:
        idle: list[AsyncConnection] = []
        while (job := await self._jobs.get()) is not None:
            jobs = [job]
            while len(jobs) < MOST_WRITES_IN_A_COMMIT and not self._jobs.empty():
                more = self._jobs.get_nowait()
                if more is None:
                    self._jobs.put_nowait(None)
                    break
                jobs.append(more)
            try:
                await self._commit(idle, jobs)
            finally:
                for each in jobs:
                    each.resolve()
        while idle:
            await _let_go(idle.pop())

    async def _commit(self, idle: list[AsyncConnection], jobs: list[_Job]) -> None:
        """Commit the jobs together; those that lost against another writer run again, each alone."""
        again = await self._try(idle, jobs)
        for job in again:
            for run in range(MOST_RUNS):
                await asyncio.sleep(random.uniform(0, 0.002 * 2 ** min(run, 6)))  # noqa: S311 - no secret
                if not await self._try(idle, [job]):
                    break

    async def _try(self, idle: list[AsyncConnection], jobs: list[_Job]) -> list[_Job]:
        """One transaction; the jobs that should be run again. What cannot be committed has its error."""
        for job in jobs:
            job.result = job.error = None
        try:
            again = await self._db._with_connection(idle, lambda connection: _transaction(connection, jobs))
            self._db.commits += 1
        except BaseException as error:
            cause = error.__cause__ or error
            for job in jobs:
                job.error = error
            if pgerrors.is_again(cause) or (len(jobs) > 1 and pgerrors.sqlstate(cause) == "55P03"):
                return jobs
            if not isinstance(error, Exception):
                raise
            return []
        return again


async def _transaction(connection: AsyncConnection, jobs: list[_Job]) -> list[_Job]:
    return await connection.run_sync(_run, jobs)


def _run(tx: Tx, jobs: list[_Job]) -> list[_Job]:
    """All jobs in one transaction; those to be run again."""
    again = _in_transaction(tx, jobs, _run_together)
    return again if again is not None else _in_transaction(tx, jobs, _run_apart) or []


def _in_transaction(
    tx: Tx, jobs: list[_Job], run: Callable[[Tx, list[_Job]], list[_Job] | None]
) -> list[_Job] | None:
    """What `run` says of the jobs, committed; None is undone."""
    _execute(tx, "BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        if jobs[0].turn:
            _execute(tx, _TURN)
        _lock(tx, sorted({row for job in jobs for row in job.rows}))
        again = run(tx, jobs)
    except BaseException:
        with suppress(Exception):
            _execute(tx, "ROLLBACK")
        raise
    if again is None:
        _execute(tx, "ROLLBACK")
        return None
    try:
        done = _execute(tx, "COMMIT")
    except Exception as error:
        raise _Unsure("The connection to the store broke while it committed.", code="store_unavailable") from error
    if done != "COMMIT":  # a function went on after a statement had failed: PostgreSQL undoes, and says no more
        raise Unavailable("The store undid the change.", code="store_unavailable")
    return again


def _run_together(tx: Tx, jobs: list[_Job]) -> list[_Job] | None:
    """None when one of them failed. Raises when the whole transaction is lost."""
    try:
        for job in jobs:
            job.result = job.error = None  # of a run on a connection that was lost
            job.result = job.fn(tx)
    except Exception as error:
        if pgerrors.is_lost(error) or pgerrors.is_again(error):
            raise
        return None
    return []


def _run_apart(tx: Tx, jobs: list[_Job]) -> list[_Job]:
    """Each in a savepoint; those to be run again."""
    return [job for job in jobs if not _run_one(tx, job)]


def _run_one(tx: Tx, job: _Job) -> bool:
    """One job in its savepoint; False to run it again. Raises when the whole transaction is lost."""
    job.result = job.error = None  # of a run before
    _execute(tx, "SAVEPOINT job")
    try:
        job.result = job.fn(tx)
        return True
    except Exception as error:
        if pgerrors.is_lost(error) or pgerrors.is_again(error):
            raise
        _execute(tx, "ROLLBACK TO job")
        job.error = pgerrors.unavailable(error) if pgerrors.is_ours(error) else error
        return job.turn or not pgerrors.is_raced(error)


def _lock(tx: Tx, rows: list[tuple[str, str | int]]) -> None:
    for table in sorted({name for name, _ in rows}):
        key = metadata.tables[table].primary_key.columns[0].name
        keys = [key for name, key in rows if name == table]
        fetch(tx, f"SELECT 1 FROM {table} WHERE {key} = ANY($1) ORDER BY {key} FOR UPDATE", keys)  # noqa: S608 - ours


async def _snapshot(connection: AsyncConnection, fn: Callable[[Tx], T]) -> T:
    return await connection.run_sync(_read, fn)


def _read(tx: Tx, fn: Callable[[Tx], T]) -> T:
    _execute(tx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return fn(tx)
    finally:
        with suppress(Exception):
            _execute(tx, "ROLLBACK")


def _settings(tx: Tx) -> dict[str, str]:
    names = ("server_version", "server_version_num", "fsync", "synchronous_commit", "full_page_writes")
    return {name: str(fetch(tx, "SELECT current_setting($1, true)", name)[0][0]) for name in names}


def _execute(tx: Tx, statement: str) -> str:
    """What PostgreSQL says it did."""
    return str(await_only(_raw(tx).execute(statement)))


def _raw(tx: Tx) -> Any:
    """asyncpg's own connection."""
    return tx.connection.driver_connection


def _is_broken(connection: AsyncConnection, error: BaseException) -> bool:
    """Whether a connection cannot be used again: it is closed, or in the middle of something."""
    if not isinstance(error, Exception) or pgerrors.is_lost(error) or isinstance(error, _Unsure):
        return True
    try:
        raw = _raw(connection.sync_connection)  # type: ignore[arg-type]
        return bool(raw.is_closed() or raw.is_in_transaction())
    except Exception:
        return True


async def _let_go(connection: AsyncConnection) -> None:
    with suppress(Exception):
        await connection.invalidate()
    with suppress(Exception):
        await connection.close()
