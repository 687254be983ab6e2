"""Subscriptions served on real sources and destinations; what the engine would do is written down."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import rooms
from tests.support.rooms import DEVELOPMENT, ENVIRONMENTS, Room
from tests.support.serving import Answer
from waypost import ids
from waypost.db.database import Database, Tx
from waypost.destinations import store as destinations
from waypost.environments.store import Flag
from waypost.sources import store as sources
from waypost.sources.model import Source
from waypost.subscriptions import api, store
from waypost.subscriptions.model import Subscription
from waypost.subscriptions.service import Subscriptions
from waypost.vault.vault import Vault


@dataclass
class Engine:
    """Stands for the engine: how many messages are pending, and what it was told."""

    waiting: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    opened: list[Subscription] = field(default_factory=list)
    closed: list[tuple[str, int]] = field(default_factory=list)
    skipped: list[tuple[str, int, str]] = field(default_factory=list)
    broken: bool = False

    def pending(self, tx: Tx, subscription_id: str) -> int:
        store.get(tx, subscription_id)  # it is still there
        return self.waiting.get(subscription_id, 0)

    def skip_all(self, tx: Tx, subscription_id: str, now_ms: int, reason: str) -> int:
        self.skipped.append((subscription_id, now_ms, reason))
        return self.waiting.pop(subscription_id)

    def open(self, tx: Tx, made: Subscription) -> None:
        if self.broken:
            raise RuntimeError("no queue could be made")
        assert store.get(tx, made.id) == made
        self.opened.append(made)

    def counted(self, tx: Tx, destination_id: str) -> int:
        return self.counts.get(destination_id, 0)

    def close(self, tx: Tx, subscription_id: str, now_ms: int) -> None:
        self.closed.append((subscription_id, now_ms))


@dataclass(frozen=True)
class Served:
    room: Room
    engine: Engine

    def create(self, body: Any, environment_id: str = DEVELOPMENT, **more: Any) -> Answer:
        path = f"/platform/v1/environments/{environment_id}/subscriptions"
        return self.room.client("POST", path, body, **more)

    def list(self, query: str = "", environment_id: str = DEVELOPMENT, **more: Any) -> Answer:
        path = f"/platform/v1/environments/{environment_id}/subscriptions{query}"
        return self.room.client("GET", path, **more)

    def one(self, method: str, subscription_id: str, body: Any = None, *, query: str = "", **more: Any) -> Answer:
        return self.room.client(method, f"/waypost/v1/subscriptions/{subscription_id}{query}", body, **more)

    async def source(self, name: str = "Epic", environment_id: str = DEVELOPMENT, **changes: Any) -> str:
        flag = ENVIRONMENTS.get(environment_id, Flag.development)
        made = Source(ids.new_id(), environment_id, flag, name, **changes)
        await self.room.db.write(lambda tx: sources.insert(tx, made, 1))
        return made.id

    async def destination(self, name: str = "Lab", environment_id: str = DEVELOPMENT, **changes: Any) -> str:
        values = {
            "id": ids.new_id(), "environment_id": environment_id, "name": name,
            "endpoint": "https://lab.example.com/", "created_at": 1, "updated_at": 1, **changes,
        }  # fmt: skip
        await self.room.db.write(lambda tx: destinations.insert(tx, values))
        return str(values["id"])

    async def made(self, data_model: str = "PatientAdmin") -> dict[str, Any]:
        """A subscription between ends of its own, made by the engineer."""
        answer = self.create(a_body(await self.source(), await self.destination(), data_model))
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.payload["subscription"]
        return found


def a_body(source_id: str, destination_id: str, data_model: str = "PatientAdmin") -> dict[str, Any]:
    return {"source": {"id": source_id}, "destination": {"id": destination_id}, "dataModel": data_model}


@pytest.fixture
async def served(db: Database, vault: Vault, clock: SetClock) -> AsyncIterator[Served]:
    await db.write(rooms.set_up)
    engine = Engine()
    service = Subscriptions(
        db,
        vault,
        clock,
        pending=engine.pending,
        skip_all=engine.skip_all,
        opened=engine.open,
        closed=engine.close,
        counted=engine.counted,
    )
    with rooms.served(db, api.router(service)) as room:
        yield Served(room, engine)
