"""Intake on a real store whose reads and writes are counted, and the whole application for what HTTP adds."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tests.conftest import SetClock
from tests.support import stores, traffic
from tests.support.house import House
from tests.support.traffic import Traffic
from waypost.db.database import Beside, Database, Tx
from waypost.ledger import store as ledger
from waypost.messages.service import Intake
from waypost.metrics import Metrics
from waypost.quotas.meter import Meter
from waypost.vault.vault import Vault

T = TypeVar("T")


@dataclass
class Counted:
    """A store that says how often it was asked."""

    db: Database
    reads: int = 0
    writes: int = 0

    @property
    def shared(self) -> bool:
        return self.db.shared

    async def write(self, fn: Callable[[Tx], T], *, beside: Beside | None = None) -> T:
        self.writes += 1
        return await self.db.write(fn, beside=beside)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        self.reads += 1
        return await self.db.read(fn)

    async def close(self) -> None:
        await self.db.close()


@dataclass
class World:
    """One environment with an intake; `arrived` is what the worker was told."""

    traffic: Traffic
    db: Counted
    intake: Intake
    vault: Vault
    arrived: list[tuple[str, str]] = field(default_factory=list)

    async def accept(self, body: bytes, *, key: str | None = None) -> dict[str, Any]:
        return await self.intake.accept(self.traffic.environment_id, body, key=key)

    async def counts(self) -> dict[str, int]:
        """How many rows there are of what an accepted message leaves."""
        tables = ("message", "log", "entry", "destination_seq WHERE last > 0", "idempotency_key")
        found = {}
        for table in tables:
            [(found[table.split()[0]],)] = await self.traffic.rows(f"SELECT count(*) FROM {table}")
        return found


@pytest.fixture
async def world(db: Database, vault: Vault, clock: SetClock) -> World:
    arrived: list[tuple[str, str]] = []
    counted = Counted(db)

    def hear(queue_id: str, destination_id: str) -> None:
        arrived.append((queue_id, destination_id))

    meter = Meter(counted, Metrics(), pending=_pending, now=lambda: clock.now_ms() / 1000)
    intake = Intake(counted, stores.hot_of(db), vault, clock, Metrics(), hear, room=lambda: None, meter=meter)
    return World(await traffic.found(db, clock), counted, intake, vault, arrived)


def a_message(*destination_ids: str, source_id: str | None = None, **meta: Any) -> bytes:
    """A message for these destinations."""
    usual = {
        "DataModel": "PatientAdmin",
        "EventType": "NewPatient",
        "Destinations": [{"ID": destination_id} for destination_id in destination_ids],
    }
    source = {} if source_id is None else {"Source": {"ID": source_id}}
    return json.dumps({"Meta": usual | source | meta, "Patient": {"Notes": ["secret"]}}).encode()


def _pending(tx: Tx, environment_id: str) -> int:
    return ledger.total(tx, environment_id).pending


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole application, delivering nothing."""
    with House(tmp_path_factory.mktemp("messages"), deliver=False) as made:
        yield made
