"""Logs over real HTTP, on traffic put straight into the store."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import rooms
from tests.support.rooms import DEVELOPMENT, ORGANIZATION, Room
from tests.support.serving import Answer
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.clock import iso
from waypost.ids import new_id
from waypost.logs import api
from waypost.subscriptions.model import Subscription

ATTEMPT = """
INSERT INTO attempt (id, log_id, started_at, ended_at, outcome, status)
VALUES (:id, :log_id, :started_at, :ended_at, :outcome, :status)
"""


@dataclass
class Archive:
    """The routes of logs, and one subscription that they can be of."""

    room: Room
    traffic: Traffic
    clock: SetClock
    made: Subscription

    async def log(self, to: Subscription | None = None, *, state: str = "pending", **more: Any) -> str:
        """A log accepted now, a second after the one before, that ended in this state."""
        self.clock.advance(1)
        [log_id] = await self.traffic.accept(to or self.made, **more)
        await self.traffic.execute("UPDATE log SET state = :state WHERE id = :id", state=state, id=log_id)
        return log_id

    async def attempt(self, log_id: str, outcome: str = "failed", status: int | None = 503) -> str:
        """An attempt that began now and took 7 ms."""
        attempt_id, now = new_id(), self.clock.now_ms()
        await self.traffic.execute(
            ATTEMPT, id=attempt_id, log_id=log_id, started_at=now, ended_at=now + 7, outcome=outcome, status=status
        )
        await self.traffic.execute(
            "UPDATE log SET attempts = attempts + 1, updated_at = :now WHERE id = :id", now=now + 7, id=log_id
        )
        return attempt_id

    def now(self, seconds: float = 0) -> str:
        return iso(self.clock.now_ms() + round(seconds * 1000))

    def search(self, body: Any = None, query: str = "", *, by: str = "engineer", at: str = DEVELOPMENT) -> Answer:
        path = f"/platform/v1/environments/{at}/logs/search/metadata{query}"
        return self.room.client("POST", path, body, token=by)

    def found(self, body: Mapping[str, Any] | None = None, query: str = "") -> list[str]:
        """Ids of the logs that a search finds."""
        answer = self.search(body or {}, query)
        assert answer.status == 200, answer.body
        return [result["id"] for result in answer.payload["results"]]

    def get(self, log_id: str, query: str = "", *, by: str = "engineer", of: int = ORGANIZATION) -> Answer:
        return self.room.client("GET", f"/platform/v1/organizations/{of}/logs/{log_id}{query}", token=by)

    def shown(self, log_id: str) -> dict[str, Any]:
        answer = self.get(log_id)
        assert answer.status == 200, answer.body
        result: dict[str, Any] = answer.payload["result"]
        return result


@pytest.fixture
async def archive(db: Store, clock: SetClock) -> AsyncIterator[Archive]:
    await db.write(rooms.set_up)
    traffic = Traffic(db, clock, DEVELOPMENT, ORGANIZATION)
    source, destination = await traffic.source("Lab"), await traffic.destination("Ward 7")
    made = await traffic.subscription(source, destination)
    with rooms.served(db, api.router(db)) as room:
        yield Archive(room, traffic, clock, made)
