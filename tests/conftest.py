"""The fixtures that most tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from waypost import tables
from waypost.clock import Clock
from waypost.db.database import metadata
from waypost.db.sqlite import SqliteDatabase
from waypost.vault import keyring
from waypost.vault.vault import Vault

assert tables  # every table is known once it is imported


class SetClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_766_000_000_000) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A real, empty store with every table."""
    database = SqliteDatabase(tmp_path / "waypost.sqlite3")
    await database.write(lambda tx: metadata.create_all(tx))
    yield database
    await database.close()


@pytest.fixture
def vault(db: SqliteDatabase, clock: SetClock, tmp_path: Path) -> Vault:
    return Vault(db, keyring.create(tmp_path / "sealing.key"), clock)
