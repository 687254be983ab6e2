"""The migrations make exactly the tables that the code declares."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from waypost import tables
from waypost.db import sqlite
from waypost.db.database import metadata
from waypost.db.migrations import migrate

assert tables  # every table is known once it is imported


def differences(connection: sa.Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def definitions(connection: sa.Connection) -> dict[str, list[str]]:
    """What SQLite itself keeps of each table and index: its parts without their spacing and order."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: _parts("".join(sql.split())) for name, sql in rows if name != "alembic_version"}


def _parts(sql: str) -> list[str]:
    begin, _, rest = sql.partition("(")
    inside, _, end = rest.rpartition(")")
    return [begin, *sorted(inside.split(",")), end]


def test_migrations_make_what_the_code_declares(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path / "migrated.sqlite3")
    engine = sqlite.engine(tmp_path / "migrated.sqlite3")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


def test_a_table_that_no_migration_makes_would_be_found(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path / "migrated.sqlite3")
    engine = sqlite.engine(tmp_path / "migrated.sqlite3")
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE queue_head DROP COLUMN parked")
        assert [kind for kind, *_ in differences(connection)] == ["add_column"]
    engine.dispose()


def test_migrations_make_the_very_definitions_that_the_code_would(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path / "migrated.sqlite3")
    migrated, declared = (sqlite.engine(tmp_path / f"{name}.sqlite3") for name in ("migrated", "declared"))
    with migrated.connect() as one, declared.connect() as other:
        metadata.create_all(other)
        assert definitions(one) == definitions(other)
    migrated.dispose()
    declared.dispose()
