"""Committing what is written: many functions in one transaction, in lanes that run beside each other.

When one of them fails, all of it is undone and run again with a savepoint each, which costs every function a round
trip. Those that lost against another writer run again, each alone.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from waypost.db.database import Tx, metadata
from waypost.db.postgresql import errors
from waypost.db.postgresql.connections import Connections, Unsure, execute, fetch
from waypost.errors import Unavailable

MOST_WRITES_IN_A_COMMIT = 64
"""More subtransactions than PostgreSQL keeps in memory would slow every snapshot down."""
MOST_RUNS = 12

_TURN = """
INSERT INTO writer_turn (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = writer_turn.number + 1
"""


@dataclass(slots=True)
class Job:
    """One function to be committed: the rows that it locks first, and whether it takes the writers' turn."""

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


class Lane:
    """Committers that take whatever waits and commit it together."""

    def __init__(self, connections: Callable[[], Connections], *, committers: int) -> None:
        """Each committer has connections of its own."""
        self._connections = connections
        self.commits = 0
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._commit_until_closed()) for _ in range(committers)]

    def put(self, job: Job) -> None:
        """Have it committed."""
        self._jobs.put_nowait(job)

    async def close(self) -> None:
        """Commit what waits, then end."""
        for _ in self._tasks:
            self._jobs.put_nowait(None)
        await asyncio.gather(*self._tasks)

    async def _commit_until_closed(self) -> None:
        connections = self._connections()
        while (job := await self._jobs.get()) is not None:
            jobs = [job]
            while len(jobs) < MOST_WRITES_IN_A_COMMIT and not self._jobs.empty():
                more = self._jobs.get_nowait()
                if more is None:
                    self._jobs.put_nowait(None)
                    break
                jobs.append(more)
            try:
                await self._commit(connections, jobs)
            finally:
                for each in jobs:
                    each.resolve()
        await connections.close()

    async def _commit(self, connections: Connections, jobs: list[Job]) -> None:
        """Commit the jobs together; those that lost against another writer run again, each alone."""
        again = await self._try(connections, jobs)
        for job in again:
            for run in range(MOST_RUNS):
                await asyncio.sleep(random.uniform(0, 0.002 * 2 ** min(run, 6)))  # noqa: S311 - no secret
                if not await self._try(connections, [job]):
                    break

    async def _try(self, connections: Connections, jobs: list[Job]) -> list[Job]:
        """One transaction; the jobs that should be run again. What cannot be committed has its error."""
        for job in jobs:
            job.result = job.error = None
        try:
            again = await connections.use(lambda connection: _transaction(connection, jobs))
        except BaseException as error:
            cause = error.__cause__ or error
            for job in jobs:
                job.error = error
            if errors.is_again(cause) or (len(jobs) > 1 and errors.sqlstate(cause) == "55P03"):
                return jobs
            if not isinstance(error, Exception):
                raise
            return []
        self.commits += 1
        return again


async def _transaction(connection: AsyncConnection, jobs: list[Job]) -> list[Job]:
    return await connection.run_sync(_run, jobs)


def _run(tx: Tx, jobs: list[Job]) -> list[Job]:
    """All jobs in one transaction; those to be run again."""
    again = _in_transaction(tx, jobs, _run_together)
    return again if again is not None else _in_transaction(tx, jobs, _run_apart) or []


def _in_transaction(tx: Tx, jobs: list[Job], run: Callable[[Tx, list[Job]], list[Job] | None]) -> list[Job] | None:
    """What `run` says of the jobs, committed; None is undone."""
    execute(tx, "BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        if jobs[0].turn:
            execute(tx, _TURN)
        _lock(tx, sorted({row for job in jobs for row in job.rows}))
        again = run(tx, jobs)
    except BaseException:
        with suppress(Exception):
            execute(tx, "ROLLBACK")
        raise
    if again is None:
        execute(tx, "ROLLBACK")
        return None
    try:
        done = execute(tx, "COMMIT")
    except Exception as error:
        raise Unsure("The connection to the store broke while it committed.", code="store_unavailable") from error
    if done != "COMMIT":  # a function went on after a statement had failed: PostgreSQL undoes, and says no more
        raise Unavailable("The store undid the change.", code="store_unavailable")
    return again


def _run_together(tx: Tx, jobs: list[Job]) -> list[Job] | None:
    """None when one of them failed. Raises when the whole transaction is lost."""
    try:
        for job in jobs:
            job.result = job.error = None  # of a run on a connection that was lost
            job.result = job.fn(tx)
    except Exception as error:
        if errors.is_lost(error) or errors.is_again(error):
            raise
        return None
    return []


def _run_apart(tx: Tx, jobs: list[Job]) -> list[Job]:
    """Each in a savepoint; those to be run again."""
    return [job for job in jobs if not _run_one(tx, job)]


def _run_one(tx: Tx, job: Job) -> bool:
    """One job in its savepoint; False to run it again. Raises when the whole transaction is lost."""
    job.result = job.error = None  # of a run before
    execute(tx, "SAVEPOINT job")
    try:
        job.result = job.fn(tx)
        return True
    except Exception as error:
        if errors.is_lost(error) or errors.is_again(error):
            raise
        execute(tx, "ROLLBACK TO job")
        job.error = errors.unavailable(error) if errors.is_ours(error) else error
        return job.turn or not errors.is_raced(error)


def _lock(tx: Tx, rows: list[tuple[str, str | int]]) -> None:
    for table in sorted({name for name, _ in rows}):
        key = metadata.tables[table].primary_key.columns[0].name
        keys = [key for name, key in rows if name == table]
        fetch(tx, f"SELECT 1 FROM {table} WHERE {key} = ANY($1) ORDER BY {key} FOR UPDATE", keys)  # noqa: S608 - ours
