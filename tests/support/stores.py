"""The two stores, for tests that run on both: each test gets an empty one of its own, with every table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support import postgresql
from waypost.db.database import Database, metadata
from waypost.db.postgresql import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.queues import postgresql as hot_postgresql
from waypost.queues import sqlite as hot_sqlite
from waypost.queues.port import Hot

STORES = ("sqlite", "postgresql")


@asynccontextmanager
async def opened(kind: str, place: Path) -> AsyncIterator[Database]:
    """An empty store; what it needs on disk is in `place`."""
    if kind == "sqlite":
        embedded = SqliteDatabase(place / "waypost.sqlite3")
        await embedded.write(lambda tx: metadata.create_all(tx))
        yield embedded
        await embedded.close()
        return
    server = postgresql.shared()
    url = await server.database()
    store = PostgresqlDatabase(url)
    try:
        yield store
    finally:
        await store.close()
        await server.drop(url)


def hot_of(db: Database) -> Hot:
    """The store's hot statements."""
    return hot_postgresql if db.shared else hot_sqlite
