"""Databases that tests have used come back as new, or not at all."""

from collections.abc import Callable

import asyncpg
import pytest

from tests.support import postgresql
from tests.support.rooms import set_up
from waypost.db.database import Tx
from waypost.db.postgresql.database import PostgresqlDatabase


async def used(*statements: str, write: Callable[[Tx], None] = set_up) -> str:
    """The URL of a database that a test used, and let go of."""
    server = postgresql.shared()
    url = await server.database()
    store = PostgresqlDatabase(url)
    await store.write(write)
    await store.close()
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
    await server.drop(url)
    return url


async def rows(url: str, table: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def test_a_used_database_is_handed_out_again_with_the_rows_of_the_migrations_alone() -> None:
    server, url = postgresql.shared(), await used("UPDATE alembic_version SET version_num = '9999'")
    again = await server.database()
    assert again == url
    assert [await rows(again, table) for table in ("organization", "environment", "writer_turn")] == [0, 0, 1]
    connection = await asyncpg.connect(again)
    assert await connection.fetchval("SELECT number FROM writer_turn") == 0
    assert await connection.fetchval("SELECT version_num FROM alembic_version") != "9999"
    await connection.close()
    await server.drop(again)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (value integer)",
        "DROP TABLE attempt",
        "ALTER TABLE organization ADD COLUMN more integer",
        "ALTER TABLE organization ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE organization ADD CONSTRAINT never CHECK (id < 0) NOT VALID",
        "CREATE INDEX more ON organization (name)",
        "CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET work_mem = 64'; END $$",
    ],
)
async def test_a_database_whose_schema_was_changed_is_not_handed_out_again(change: str) -> None:
    url = await used(change)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)


async def test_whoever_was_still_connected_is_not_any_more() -> None:
    server = postgresql.shared()
    url = await server.database()
    left = await asyncpg.connect(url)
    await left.execute("BEGIN; LOCK TABLE organization")
    await server.drop(url)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await left.execute("SELECT 1")
    left.terminate()
