"""Connections to PostgreSQL: how they are made, what is said over them, and when one cannot be used again."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from waypost.db.database import Tx
from waypost.db.postgresql import errors, hosts
from waypost.db.postgresql.dial import Dial
from waypost.db.postgresql.watch import Watch
from waypost.errors import Unavailable

T = TypeVar("T")

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 60

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
        rows: list[Any] = await_only(raw(tx).fetch(statement, *values))
    except asyncpg.IntegrityConstraintViolationError as error:
        raise sa.exc.IntegrityError(None, None, error) from error
    return rows


def execute(tx: Tx, statement: str) -> str:
    """What PostgreSQL says it did."""
    return str(await_only(raw(tx).execute(statement)))


def raw(tx: Tx) -> Any:
    """asyncpg's own connection."""
    return tx.connection.driver_connection


class Unsure(Unavailable):
    """The connection broke while committing: nobody knows whether it did."""


class Connections:
    """Connections of one user, kept while they are good; each is looked after while it is in use."""

    def __init__(self, made_by: AsyncEngine, watch: Watch) -> None:
        self._engine = made_by
        self._watch = watch
        self._idle: list[AsyncConnection] = []

    async def use(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Work with an idle connection, or a new one; an idle one that had died is replaced once.

        Raises Unavailable, or whatever the work does.
        """
        while True:
            known = bool(self._idle)
            connection = self._idle.pop() if known else await self._connect()
            try:
                async with self._watch.over(connection):
                    result = await work(connection)
            except BaseException as error:
                if _is_broken(connection, error):
                    await _let_go(connection)
                    if known and isinstance(error, Exception) and not isinstance(error, Unsure):
                        continue
                else:
                    self._idle.append(connection)
                if isinstance(error, Exception) and errors.is_ours(error):
                    raise errors.unavailable(error) from error
                raise
            self._idle.append(connection)
            return result

    async def close(self) -> None:
        """Let go of those that are idle."""
        while self._idle:
            await _let_go(self._idle.pop())

    async def _connect(self) -> AsyncConnection:
        try:
            return await self._engine.connect()
        except Exception as error:
            raise errors.unavailable(error) from error


def _is_broken(connection: AsyncConnection, error: BaseException) -> bool:
    """Whether a connection cannot be used again: it is closed, or in the middle of something."""
    if not isinstance(error, Exception) or errors.is_lost(error) or isinstance(error, Unsure):
        return True
    try:
        driver = raw(connection.sync_connection)  # type: ignore[arg-type]
        return bool(driver.is_closed() or driver.is_in_transaction())
    except Exception:
        return True


async def _let_go(connection: AsyncConnection) -> None:
    with suppress(Exception):
        await connection.invalidate()
    with suppress(Exception):
        await connection.close()
