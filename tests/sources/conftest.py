"""Sources served; which of them are subscribed is what the test says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import rooms
from tests.support.rooms import DEVELOPMENT, Room
from tests.support.serving import Answer
from waypost.db.database import Database
from waypost.sources import api
from waypost.sources.service import Sources


@dataclass(frozen=True)
class Served:
    room: Room
    subscribed: dict[str, list[str]] = field(default_factory=dict)

    def create(self, body: Any, environment_id: str = DEVELOPMENT, **more: Any) -> Answer:
        return self.room.client("POST", f"/platform/v1/environments/{environment_id}/sources", body, **more)

    def list(self, environment_id: str = DEVELOPMENT, **more: Any) -> Answer:
        return self.room.client("GET", f"/platform/v1/environments/{environment_id}/sources", **more)

    def one(self, method: str, source_id: str, body: Any = None, **more: Any) -> Answer:
        return self.room.client(method, f"/platform/v1/sources/{source_id}", body, **more)

    def made(self, **body: Any) -> dict[str, Any]:
        """A source made by the engineer."""
        answer = self.create({"name": "Epic", **body})
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.payload["source"]
        return found


@pytest.fixture
async def sources(db: Database, clock: SetClock) -> AsyncIterator[Served]:
    await db.write(rooms.set_up)
    subscribed: dict[str, list[str]] = {}
    service = Sources(db, clock, subscribed=lambda _, source_id: subscribed.get(source_id, []))
    with rooms.served(db, api.router(service)) as room:
        yield Served(room, subscribed)
