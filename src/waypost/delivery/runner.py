"""Running one queue: load its head, attempt, settle, go on until it is empty, held, paused or has had its turn.

The next message is sent only once the acknowledgement of the one before is durable (invariant 3).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.delivery import target as targets
from waypost.delivery import waits
from waypost.delivery.attempt import Deliverer
from waypost.delivery.due import DueClock
from waypost.delivery.model import Delivered, Failed, Outcome, Parking, Schedule
from waypost.delivery.pacing import Turnstile
from waypost.delivery.request import Opened
from waypost.delivery.settling import Attempted, Settled, Settling
from waypost.delivery.slots import Slot
from waypost.delivery.target import Target
from waypost.delivery.waits import Cursors, Waits
from waypost.errors import NotFound
from waypost.ids import new_id
from waypost.metrics import Metrics
from waypost.queues.model import Ended, Fence, Head, QueueState, Versions
from waypost.queues.port import Hot, rows_of_settle
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

MESSAGES_A_LOAD = 16
MESSAGES_A_TURN = 128

log = structlog.get_logger("waypost.delivery")


@dataclass(frozen=True, slots=True)
class _Load:
    """What a queue is run on until it is loaded again; `trouble` says why nothing can be sent.

    `behind`: an older generation of the subscription's queues comes first.
    """

    head: Head
    epoch: int
    target: Target | None
    messages: list[Opened]
    trouble: str | None
    parking: Parking | None = None
    behind: bool = False

    @property
    def begun(self) -> Versions:
        """The versions that attempts on this load begin with."""
        return self.target.versions if self.target else self.head.now

    def fence(self, cursor: int, others: Cursors = ()) -> Fence:
        """What must still be so when an attempt on this load is recorded."""
        return Fence(self.head.shard, self.epoch, self.head.queue_id, cursor, others)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a queue stands in a load: its cursor, and what counts against the message behind it."""

    cursor: int
    failures: int = 0
    refused: int = 0


class Runner:
    """Runs queues that the worker chose. Keeps opened destinations in memory until they change.

    `epoch` says under which epoch this node speaks for a shard; None when it does not.
    """

    def __init__(
        self,
        db: Database,
        hot: Hot,
        vault: Vault,
        clock: Clock,
        due: DueClock,
        deliverer: Deliverer,
        metrics: Metrics,
        *,
        epoch: Callable[[int], int | None],
        schedule: Schedule,
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._clock = clock
        self._due = due
        self._deliverer = deliverer
        self._metrics = metrics
        self._settling = Settling(db, hot, due, schedule)
        self._epoch = epoch
        self._targets: dict[str, Target] = {}
        self._waits = Waits(db, hot, due)
        self._pace = Turnstile()

    def forget(self, destination_id: str) -> None:
        """Read a destination anew before its next attempt."""
        self._targets.pop(destination_id, None)

    def forget_credential(self, credential_id: str) -> None:
        """The same for every destination that uses a credential."""
        for destination_id, target in list(self._targets.items()):
            if target.destination.credential_id == credential_id:
                del self._targets[destination_id]

    async def run(self, slot: Slot, stopping: Callable[[], bool]) -> bool:
        """Run a queue; whether it must be looked after again: its turn is over, or it is held. Raises NoRoom."""
        left, roused = MESSAGES_A_TURN, False
        while left > 0 and not stopping():
            load = await slot.load(lambda: self._db.read(lambda tx: self._load(tx, slot)))
            if load is None:
                return roused
            await self._vault.prepare(load.head.environment_id)
            if load.behind:
                if await self._wait(load, load.head.cursor, waits.OLDER):
                    return True
                left -= 1
                continue
            turn = _Turn(load.head.cursor, load.head.failures, load.head.refusals)
            for message in load.messages:
                await self._pace.turn()
                if not self._is_current(load):
                    break
                settled = await self._settled(slot, load, message, turn)
                left -= 1
                roused = roused or bool(message.pending.merges)
                if settled is None or (settled.moved and settled.state is not QueueState.ready):
                    return roused
                if not settled.moved and not settled.due_now:
                    return True
                if not settled.moved or not settled.unchanged or left <= 0 or stopping():
                    break
                turn = _Turn(message.pending.seq)
        return True

    def _is_current(self, load: _Load) -> bool:
        """Whether nobody has said since that the destination changed: a change counts for the next attempt."""
        return load.target is None or self._targets.get(load.head.destination_id) is load.target

    def _load(self, tx: Tx, slot: Slot) -> _Load | None:
        """The queue's head, target and next messages; None when it may not run. Raises NoRoom."""
        head = self._hot.head(tx, slot.queue_id)
        epoch = None if head is None else self._epoch(head.shard)
        if head is None or epoch is None or not head.may_run(self._due.now_ms()):
            return None
        target, trouble = None, None
        try:
            target = self._target(tx, head)
        except (KeyUnavailable, NotFound) as error:
            trouble = error.detail
        if self._waits.is_behind(tx, head):
            return _Load(head, epoch, target, [], trouble, behind=True)
        messages: list[Opened] = []
        for pending in slot.within(self._hot.waiting(tx, slot.queue_id, head.cursor, MESSAGES_A_LOAD)):
            try:
                body = self._vault.open(tx, pending.body, table="message", row=pending.message_id)
            except KeyUnavailable as error:
                if not messages:
                    messages, trouble = [Opened(pending, b"")], error.detail
                break
            messages.append(Opened(replace(pending, body=b""), body))  # sealed, it is of no more use
        parking = None if head.park is None else Parking(**json.loads(head.park))
        return _Load(head, epoch, target, messages, trouble, parking) if messages else None

    def _target(self, tx: Tx, head: Head) -> Target:
        known = self._targets.get(head.destination_id)
        if known is None or known.versions != head.now:
            known = self._targets[head.destination_id] = targets.load(tx, self._vault, head.destination_id)
        return known

    async def _settled(self, slot: Slot, load: _Load, message: Opened, turn: _Turn) -> Settled | None:
        """Deliver the message, or wait until it is the head of all the queues that it is in."""
        pending = message.pending
        if not pending.merges:
            settled = await self._deliver(slot, load, message, turn, ())
        else:
            others = await self._waits.begin(load.head, turn.cursor, pending)
            if others is None:
                return await self._wait(load, turn.cursor, waits.MERGE)
            try:
                settled = await self._deliver(slot, load, message, turn, others)
            finally:
                self._waits.end(pending)
        if settled is not None and settled.state is QueueState.idle:
            await self._waits.emptied(load.head)
        return settled

    async def _wait(self, load: _Load, cursor: int, reason: str) -> Settled | None:
        """Have the queue look again later, or sooner when it is roused; None when it has moved meanwhile."""
        due_at = self._due.now_ms() + waits.LOOK_AGAIN_MS

        def wait(tx: Tx) -> QueueState | None:
            if load.behind and not self._waits.is_behind(tx, load.head):
                return None
            return self._hot.wait(tx, load.fence(cursor), reason, due_at)

        state = await self._db.write(wait, beside=rows_of_settle())
        return None if state is None else Settled(state, unchanged=True, due_now=False)

    async def _deliver(
        self, slot: Slot, load: _Load, message: Opened, turn: _Turn, others: Cursors
    ) -> Settled | None:
        """One attempt and its record; None when another worker owns the queue by now."""
        attempt_id, started_at = new_id(), self._clock.now_ms()
        if load.target is None or load.trouble is not None:
            outcome: Outcome = Failed(load.trouble or "The destination cannot be read.")
        else:
            outcome = await slot.attempt(self._deliverer.attempt(load.target, message, attempt_id))
        ended = self._ended(load.head, outcome, attempt_id, started_at)
        settled = await self._settling.recorded(
            Attempted(
                load.head.destination_id,
                load.fence(turn.cursor, others),
                message.pending,
                outcome,
                ended,
                load.begun,
                turn.failures,
                turn.refused,
                load.parking,
                last=message is load.messages[-1],
            )
        )
        self._tell(load.head, ended, turn.failures, settled)
        return settled

    def _ended(self, head: Head, outcome: Outcome, attempt_id: str, started_at: int) -> Ended:
        now = self._clock.now_ms()
        if isinstance(outcome, Delivered):
            return Ended(attempt_id, started_at, now, "delivered", outcome.status, None, None)
        answer = None
        if outcome.answer:
            answer = self._vault.seal(head.environment_id, outcome.answer, table="attempt", row=attempt_id)
        return Ended(attempt_id, started_at, now, "failed", outcome.status, outcome.reason, answer)

    def _tell(self, head: Head, ended: Ended, failures: int, settled: Settled | None) -> None:
        """Count the attempt; log a queue that begins to hold, one that moves again, what is parked; no retry."""
        self._metrics.attempt(ended.outcome, max(0, ended.ended_at - ended.started_at) / 1000)
        words = {"queue_id": head.queue_id, "destination_id": head.destination_id}
        if settled is None:
            log.warning("queue.taken_over", **words)
        elif settled.parked:
            log.warning("message.parked", reason=ended.reason, status=ended.status, **words)
        elif ended.outcome == "failed" and not failures:
            log.warning("queue.held", reason=ended.reason, status=ended.status, **words)
        elif ended.outcome == "delivered" and failures:
            log.info("queue.released", after_attempts=failures, **words)
