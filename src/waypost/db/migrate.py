"""Bringing a store to the newest schema with Alembic; the numbered steps are in `migrations/versions`."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from waypost.db import sqlite

MIGRATIONS = Path(__file__).parent / "migrations"


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
                _upgrade(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaIsNewer(
            f"The store is at schema {current}, which this version does not know. Use a newer one."
        )
    command.upgrade(config, "head")
