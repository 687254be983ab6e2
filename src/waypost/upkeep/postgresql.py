"""A backup of the shared store: every table by COPY, in one read-only transaction on one snapshot.

Restoring fills an empty database in one transaction. Both stream: memory does not grow with the store.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from waypost.db.database import Tx, metadata
from waypost.db.migrations import migrate
from waypost.db.postgresql import connections, errors
from waypost.upkeep.archive import Archive, Writer
from waypost.upkeep.model import Contents, OnProgress, Table, UpkeepRefused

FOLDER = "tables/"
VERSION = "alembic_version"
LONGEST_COPY_SECONDS = 7 * 24 * 3600

_TABLES = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> $1
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname ORDER BY c.relname
"""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


async def copy_out(url: str, writer: Writer, progress: OnProgress) -> Contents:
    """Put every table into the archive, all as they are at one moment. Raises errors.Unavailable."""
    engine = connections.engine(url, autocommit=True)
    try:
        async with engine.connect() as connection:
            raw = await _driver(connection)
            # Writing a large file may take longer between two tables than a node may stand still with locks.
            await raw.execute("SET idle_in_transaction_session_timeout = 0")
            await raw.execute(_SNAPSHOT)
            try:
                return await _copied(raw, writer, progress)
            finally:
                await raw.execute("ROLLBACK")
    except (sa.exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise errors.unavailable(error) from error
    finally:
        await engine.dispose()


async def put_back(url: str, archive: Archive, settle: Callable[[Tx], None], progress: OnProgress) -> None:
    """Fill an empty database with what is in the archive, and `settle` it, all in one transaction.

    Raises UpkeepRefused where there are tables already, migrate.SchemaIsNewer, errors.Unavailable.
    """
    engine = connections.engine(url, autocommit=False)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_make, archive.manifest.schema)
            for table in _in_order(archive.manifest.tables):
                await _fill(await _driver(connection), archive, table)
                progress(table.name, table.rows)
            await connection.run_sync(migrate.upgrade_within)
            await connection.run_sync(settle)
    except (sa.exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise errors.unavailable(error) from error
    finally:
        await engine.dispose()


async def _copied(raw: Any, writer: Writer, progress: OnProgress) -> Contents:
    tables = []
    for found in await raw.fetch(_TABLES, VERSION):
        query = f"SELECT {', '.join(map(_quoted, found['columns']))} FROM {_quoted(found['name'])}"  # noqa: S608
        writer.begin(FOLDER + found["name"])

        async def write(data: bytes) -> None:
            await asyncio.to_thread(writer.write, data)

        said = await raw.copy_from_query(query, output=write, format="binary", timeout=LONGEST_COPY_SECONDS)
        writer.end()
        tables.append(Table(found["name"], _count(said), list(found["columns"])))
        progress(found["name"], tables[-1].rows)
    schema = await raw.fetchval(f"SELECT version_num FROM {VERSION}")  # noqa: S608 - our own constant
    keys = {row["kek_id"] for row in await raw.fetch("SELECT DISTINCT kek_id FROM data_key")}
    return Contents(str(schema), tables, keys)


def _make(tx: Tx, schema: str) -> None:
    """Every table as that schema has it, without a row. Raises UpkeepRefused, SchemaIsNewer."""
    if sa.inspect(tx).get_table_names():
        raise UpkeepRefused("There are tables in this database already; restore needs an empty one (createdb).")
    migrate.upgrade_within(tx, schema)
    for name in sa.inspect(tx).get_table_names():
        if name != VERSION:
            tx.exec_driver_sql(f"DELETE FROM {_quoted(name)}")  # noqa: S608 - its own name


async def _fill(raw: Any, archive: Archive, table: Table) -> None:
    with archive.open(FOLDER + table.name) as source:
        said = await raw.copy_to_table(
            table.name, source=source, columns=table.columns, format="binary", timeout=LONGEST_COPY_SECONDS
        )
    if _count(said) != table.rows:
        raise UpkeepRefused(f"The backup has {_count(said)} rows of {table.name}, its manifest says {table.rows}.")


def _in_order(tables: list[Table]) -> list[Table]:
    """What others point to comes first."""
    places = {table.name: number for number, table in enumerate(metadata.sorted_tables)}
    return sorted(tables, key=lambda table: places.get(table.name, len(places)))


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _count(said: str) -> int:
    """The number in `COPY 12`."""
    return int(said.rpartition(" ")[2])
