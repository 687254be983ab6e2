"""Bringing a store to the newest schema; the numbered steps are in `versions`, run by Alembic.

Most starts find nothing to do, and see that by the names of the steps alone.
"""

import asyncio
from pathlib import Path

import sqlalchemy as sa

from waypost.db import sqlite

STEPS = Path(__file__).parent / "versions"
MOST_TRIES = 8


class SchemaIsNewer(Exception):
    """The store was written by a newer Waypost than this one."""


class StepsFailed(Exception):
    """Alembic did not find the schema that it had just seen: another node was at work."""


def upgrade(path: Path) -> None:
    """Create the SQLite file, or bring it up to date, in one transaction. Raises SchemaIsNewer."""
    engine = sqlite.engine(path)
    try:
        with engine.connect() as connection:
            # Alembic begins none of its own on SQLite: every statement would be a commit, and a crash leave half.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                upgrade_within(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


async def upgrade_shared(url: str) -> None:
    """Create or bring up to date what lies behind a PostgreSQL URL. Raises SchemaIsNewer, errors.Unavailable.

    Of several nodes that start at once one does it; the others' steps fail on what it made, and they look again.
    """
    from waypost.db.postgresql import connections, errors  # with asyncpg a tenth of a start that does not need it

    engine = connections.engine(url, autocommit=False)
    try:
        for attempt in range(1, MOST_TRIES + 1):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(upgrade_within)
            except (sa.exc.DBAPIError, OSError, StepsFailed) as error:
                if attempt == MOST_TRIES or errors.is_lost(error):
                    raise errors.unavailable(error) from error
            await asyncio.sleep(0.1 * attempt)
    finally:
        await engine.dispose()


def upgrade_within(connection: sa.Connection, revision: str | None = None) -> None:
    """Bring a store up to a revision, the newest one by default, in the open transaction.

    Raises SchemaIsNewer, StepsFailed.
    """
    known, current = revisions(), _current(connection)
    for number in (current, revision):
        if number is not None and number not in known:
            raise SchemaIsNewer(
                f"The store is at schema {number}, which this version does not know. Use a newer one."
            )
    wanted = revision or known[-1]
    if current == wanted:
        return
    from waypost.db.migrations import steps  # Alembic: a tenth of the time of a start that does not need it

    try:
        steps.run(connection, wanted)
    except steps.CommandError as error:
        raise StepsFailed(str(error)) from error


def revisions() -> list[str]:
    """The numbers of all steps in their order; each is the beginning of its file's name."""
    return sorted(path.name.partition("_")[0] for path in STEPS.glob("[0-9]*.py"))


def _current(connection: sa.Connection) -> str | None:
    """The number of the last step that this store has seen; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found
