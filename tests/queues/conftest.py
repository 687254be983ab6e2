"""The queue statements on a real store, as a worker uses them."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import stores, traffic
from tests.support.traffic import Traffic
from waypost.db.database import Database
from waypost.ids import new_id
from waypost.queues import shards, store
from waypost.queues.model import Ended, Fence, Head, Pending, QueueState, QueueView, Versions
from waypost.queues.port import Hot, rows_of_settle


@dataclass
class World:
    """An environment's queues and one worker that owns them all."""

    traffic: Traffic
    clock: SetClock
    epochs: dict[int, int] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return self.traffic.db

    @property
    def commits(self) -> int:
        return stores.commits_of(self.db)

    @property
    def hot(self) -> Hot:
        return self.traffic.hot

    async def take_over(self, owner: str = "another") -> None:
        """Another worker owns every shard from now on."""
        now = self.clock.now_ms()
        owned = await self.db.write(lambda tx: shards.look(tx, owner, now, lease_ms=1000, alone=True))
        self.epochs = owned.epochs

    async def head(self, queue_id: str) -> Head:
        found = await self.db.read(lambda tx: self.hot.head(tx, queue_id))
        assert found is not None
        return found

    async def view(self, queue_id: str) -> QueueView:
        found = await self.db.read(lambda tx: store.get(tx, queue_id))
        assert found is not None
        return found

    async def waiting(self, queue_id: str, *, limit: int = 1000) -> list[Pending]:
        cursor = (await self.head(queue_id)).cursor
        return await self.db.read(lambda tx: list(self.hot.waiting(tx, queue_id, cursor, limit)))

    async def fence(self, queue_id: str) -> Fence:
        head = await self.head(queue_id)
        return Fence(head.shard, self.epochs[head.shard], queue_id, head.cursor)

    async def first(self, queue_id: str) -> Pending:
        return (await self.waiting(queue_id))[0]

    def ended(self, **more: Any) -> Ended:
        now = self.clock.now_ms()
        return replace(Ended(new_id(), now - 5, now, "delivered", 200, None, None), **more)

    async def advance(
        self, queue_id: str, fence: Fence | None = None, sent: Pending | None = None
    ) -> QueueState | None:
        """Settle the first message as delivered."""
        fence, sent = fence or await self.fence(queue_id), sent or await self.first(queue_id)
        ended, seen = self.ended(), (await self.head(queue_id)).now
        beside = rows_of_settle(queue_id)
        return await self.db.write(lambda tx: self.hot.advance(tx, fence, sent, ended, seen), beside=beside)

    async def hold(
        self,
        queue_id: str,
        fence: Fence | None = None,
        *,
        due_at: int | None = None,
        attempts: int = 1,
        reason: str = "The endpoint answered 503.",
        seen: Versions | None = None,
    ) -> QueueState | None:
        """Settle the first message as failed."""
        fence, sent = fence or await self.fence(queue_id), await self.first(queue_id)
        ended = self.ended(outcome="failed", status=503, reason=reason, answer=b"sealed")
        met = seen or (await self.head(queue_id)).now
        due = self.clock.now_ms() + 10_000 if due_at is None else due_at
        return await self.db.write(
            lambda tx: self.hot.hold(tx, fence, sent, ended, seen=met, attempts=attempts, due_at=due),
            beside=rows_of_settle(queue_id),
        )

    async def everything(self) -> dict[str, list[Any]]:
        """Every row of the engine's tables, to compare."""
        order = {"queue_head": "queue_id", "queue_tail": "queue_id", "entry": "queue_id, seq", "log": "id"}
        order |= {"attempt": "id", "message": "id", "destination_seq": "destination_id"}
        return {
            table: [tuple(row) for row in await self.traffic.rows(f"SELECT * FROM {table} ORDER BY {by}")]
            for table, by in order.items()
        }


@pytest.fixture
async def world(db: Database, clock: SetClock) -> World:
    made = World(await traffic.found(db, clock), clock)
    await made.take_over("this one")
    return made
