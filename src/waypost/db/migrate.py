"""Bringing a store to the newest schema with Alembic; the numbered steps are in `migrations/versions`."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from waypost.db import pgerrors, postgresql, sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
MOST_TRIES = 8


class SchemaIsNewer(Exception):
    """The store was written by a newer Waypost than this one."""


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
    engine = postgresql.engine(url, autocommit=False)
    try:
        for attempt in range(1, MOST_TRIES + 1):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(upgrade_within)
            except (sa.exc.DBAPIError, OSError, CommandError) as error:
                if attempt == MOST_TRIES or pgerrors.is_lost(error):
                    raise pgerrors.unavailable(error) from error
            await asyncio.sleep(0.1 * attempt)
    finally:
        await engine.dispose()


def upgrade_within(connection: sa.Connection, revision: str | None = None) -> None:
    """Bring a store up to a revision, the newest one by default, in the open transaction. Raises SchemaIsNewer."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    for wanted in (current, revision):
        if wanted is not None and wanted not in known:
            raise SchemaIsNewer(
                f"The store is at schema {wanted}, which this version does not know. Use a newer one."
            )
    head = scripts.get_current_head()
    if current != (revision or head):
        command.upgrade(config, revision or "head")
