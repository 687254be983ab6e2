"""Recording how an attempt ended: durably, and what was delivered together with others that end at the same time.

Whatever the store says meanwhile, a delivered message moves its queue on (`model.next_step`): many of them are
recorded by statements that run once. What failed, and what is in several queues, is recorded by itself.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from waypost.db.database import Database, Tx
from waypost.db.gathering import Gathering
from waypost.delivery.due import DueClock
from waypost.delivery.model import Advance, Delivered, Hold, Outcome, Park, Parking, Schedule, Step, next_step
from waypost.errors import Unavailable
from waypost.queues.model import Delivery, Ended, Fence, Pending, QueueState, Versions
from waypost.queues.port import Hot, rows_of_settle

AT_ONCE = 2
"""Writes of delivered messages under way: one is made ready while the other is synced."""
MOST_TOGETHER = 64
RECORD_AGAIN_SECONDS = 1.0

log = structlog.get_logger("waypost.delivery")


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that ended, and what decides what follows.

    `failures` and `refused` are those before it. `last`: nothing was known to wait behind its message.
    """

    destination_id: str
    fence: Fence
    sent: Pending
    outcome: Outcome
    ended: Ended
    begun: Versions
    failures: int
    refused: int
    parking: Parking | None
    last: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """How a queue stands after an attempt was recorded."""

    state: QueueState
    unchanged: bool
    due_now: bool
    parked: bool = False

    @property
    def moved(self) -> bool:
        """Whether the message is done."""
        return self.state not in {QueueState.held, QueueState.waiting}


class Settling:
    """Records attempts."""

    def __init__(self, db: Database, hot: Hot, due: DueClock, schedule: Schedule) -> None:
        self._db = db
        self._hot = hot
        self._due = due
        self._schedule = schedule
        self._late = 0
        self._delivered = Gathering(self._together, at_once=AT_ONCE, most=MOST_TOGETHER)

    async def recorded(self, given: Attempted) -> Settled | None:
        """Record it, however long the store is away: to send again instead would repeat the message.

        None when another worker owns the queue by now.
        """
        try:
            return await self._once(given)
        except Unavailable as error:
            return await self._later(given, error.detail)

    async def _once(self, given: Attempted) -> Settled | None:
        if isinstance(given.outcome, Delivered) and not given.fence.others:
            return await self._delivered.written(given)
        return await self._alone(given)

    async def _later(self, given: Attempted, detail: str) -> Settled | None:
        """Once the store is back. The first that waits says so for all, and the last."""
        if not self._late:
            log.warning("attempts.unrecorded", detail=detail)
        self._late += 1
        try:
            while True:
                await asyncio.sleep(RECORD_AGAIN_SECONDS)
                with suppress(Unavailable):
                    settled = await self._once(given)
                    break
        finally:
            self._late -= 1
        if not self._late:
            log.info("attempts.recorded")
        return settled

    async def _alone(self, given: Attempted) -> Settled | None:
        queue_ids = [queue_id for queue_id, _ in given.fence.others]
        if given.last:
            queue_ids.append(given.fence.queue_id)
        return await self._db.write(lambda tx: self._settle(tx, given), beside=rows_of_settle(*queue_ids))

    def _settle(self, tx: Tx, given: Attempted) -> Settled | None:
        unchanged = self._hot.versions(tx, [given.destination_id]).get(given.destination_id) == given.begun
        now_ms = self._due.of(given.ended.ended_at)
        step = next_step(
            given.outcome,
            failures=given.failures,
            schedule=self._schedule,
            changed=not unchanged,
            now_ms=now_ms,
            parking=given.parking,
            refused=given.refused,
        )
        state = self._write(tx, given, step)
        due_now = isinstance(step, Hold) and step.due_at <= now_ms
        return None if state is None else Settled(state, unchanged, due_now, isinstance(step, Park))

    def _write(self, tx: Tx, given: Attempted, step: Step) -> QueueState | None:
        """Carry out what was decided."""
        sent, ended, begun = given.sent, given.ended, given.begun
        match step:
            case Advance():
                return self._hot.advance(tx, given.fence, sent, ended, begun)
            case Park(reason):
                return self._hot.advance(tx, given.fence, sent, ended, begun, parked=reason)
            case Hold(due_at, attempts, refused):
                return self._hot.hold(
                    tx, given.fence, sent, ended, seen=begun, attempts=attempts, due_at=due_at, refused=refused
                )

    async def _together(self, given: Sequence[Attempted]) -> list[Settled | None]:
        if len({each.fence.queue_id for each in given}) < len(given):  # of two owners: only one of them is right
            return [await self._alone(each) for each in given]
        last = [each.fence.queue_id for each in given if each.last]
        return await self._db.write(
            lambda tx: self._advance(tx, given), beside=rows_of_settle(*last, size=len(given))
        )

    def _advance(self, tx: Tx, given: Sequence[Attempted]) -> list[Settled | None]:
        now = self._hot.versions(tx, {each.destination_id for each in given})
        states = self._hot.advance_many(
            tx, [Delivery(each.fence, each.sent, each.ended, each.begun) for each in given]
        )
        return [
            None
            if state is None
            else Settled(state, unchanged=now.get(each.destination_id) == each.begun, due_now=False)
            for each, state in zip(given, states, strict=True)
        ]
