"""What PostgreSQL's errors mean to us. Drivers wrap them twice; the five-letter SQLSTATE is what counts."""

import asyncpg
import sqlalchemy as sa

from waypost.errors import Unavailable

_AGAIN = {"40001", "40P01"}  # serialization failure, deadlock
_RACED = {"23505", "23503"}  # unique or foreign key: another writer was faster
# shut down, crashed, starting, idle sessions ended, no longer (or not yet) the server that takes writes
_AWAY = {"57P01", "57P02", "57P03", "57P05", "25P03", "25006"}


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE of an error, however it is wrapped; None for what PostgreSQL did not say."""
    seen = 0
    while error is not None and seen < 5:
        if isinstance(error, asyncpg.PostgresError):
            return str(error.sqlstate)
        error, seen = _inner(error), seen + 1
    return None


def _inner(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error.__cause__


def is_again(error: BaseException) -> bool:
    """Whether the transaction lost against another one and may be run again."""
    return sqlstate(error) in _AGAIN


def is_raced(error: BaseException) -> bool:
    """Whether a constraint refused what another writer may just have made: run again, it sees that."""
    return sqlstate(error) in _RACED


def is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more."""
    state = sqlstate(error)
    if state is not None:
        return state.startswith("08") or state in _AWAY
    if isinstance(error, sa.exc.DBAPIError):
        return error.connection_invalidated or isinstance(error, sa.exc.InterfaceError)
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | EOFError)


def is_ours(error: BaseException) -> bool:
    """Whether the store, and not the function that used it, is at fault."""
    if isinstance(error, sa.exc.IntegrityError | asyncpg.IntegrityConstraintViolationError):
        return False
    return isinstance(error, sa.exc.DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError | OSError)


def unavailable(error: BaseException) -> Unavailable:
    """In words, without the statement and without what PostgreSQL says: both can carry values."""
    state = sqlstate(error)
    word = f"PostgreSQL says {state}" if state else "PostgreSQL cannot be reached"
    return Unavailable(f"The store cannot be used right now ({word}).", code="store_unavailable")
