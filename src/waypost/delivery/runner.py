"""Running one queue: load it, attempt, settle, go on until it is empty, held, paused or has had its turn.

The next message is sent only once the acknowledgement of the one before is durable (invariant 3).
"""

from collections.abc import Callable
from dataclasses import dataclass

from waypost.clock import Clock
from waypost.delivery import waits
from waypost.delivery.attempt import Deliverer
from waypost.delivery.item import Opened
from waypost.delivery.loading import Load, Loader
from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.delivery.pacing import Turnstile
from waypost.delivery.settling import Attempted, Settled, Settling
from waypost.delivery.slots import Slot
from waypost.delivery.telling import Telling
from waypost.delivery.waits import Cursors, Waits
from waypost.ids import new_id
from waypost.queues.model import Ended, Head, QueueState
from waypost.vault.vault import Vault

MESSAGES_A_TURN = 128


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a queue stands in a load: its cursor, and what counts against the message behind it.

    `tried` counts the failures that no longer count, too: of before a change of destination or credential.
    """

    cursor: int
    failures: int = 0
    refused: int = 0
    tried: int = 0


class Runner:
    """Runs queues that the worker chose."""

    def __init__(
        self,
        vault: Vault,
        clock: Clock,
        loader: Loader,
        waits: Waits,
        deliverer: Deliverer,
        settling: Settling,
        telling: Telling,
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._loader = loader
        self._waits = waits
        self._deliverer = deliverer
        self._settling = settling
        self._telling = telling
        self._pace = Turnstile()

    async def run(self, slot: Slot, stopping: Callable[[], bool]) -> bool:
        """Run a queue; whether it must be looked after again: its turn is over, or it is held. Raises NoRoom."""
        left, roused = MESSAGES_A_TURN, False
        while left > 0 and not stopping():
            load = await self._loader.load(slot)
            if load is None:
                return roused
            await self._vault.prepare(load.head.environment_id)
            if load.behind:
                if await self._wait(load, load.head.cursor, waits.OLDER):
                    return True
                left -= 1
                continue
            head = load.head
            turn = _Turn(head.cursor, head.failures, head.refusals, head.attempts)
            for message in load.messages:
                await self._pace.turn()
                if not self._loader.is_current(load):
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

    async def _settled(self, slot: Slot, load: Load, message: Opened, turn: _Turn) -> Settled | None:
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

    async def _wait(self, load: Load, cursor: int, reason: str) -> Settled | None:
        state = await self._waits.wait(load.head, load.fence(cursor), reason, behind=load.behind)
        return None if state is None else Settled(state, unchanged=True, due_now=False)

    async def _deliver(
        self, slot: Slot, load: Load, message: Opened, turn: _Turn, others: Cursors
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
        self._telling.ended(load.head, ended, turn.tried, settled)
        return settled

    def _ended(self, head: Head, outcome: Outcome, attempt_id: str, started_at: int) -> Ended:
        now = self._clock.now_ms()
        if isinstance(outcome, Delivered):
            return Ended(attempt_id, started_at, now, "delivered", outcome.status, None, None)
        answer = None
        if outcome.answer:
            answer = self._vault.seal(head.environment_id, outcome.answer, table="attempt", row=attempt_id)
        return Ended(attempt_id, started_at, now, "failed", outcome.status, outcome.reason, answer)
