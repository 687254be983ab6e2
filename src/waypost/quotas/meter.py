"""What the environments with a quota take, on this node: asked for every message, and never of the store.

What waits is read from the queues' counters in the background; what this node accepts in between is added at once.
So one node lets in at most what is on its way at that moment beyond the quota, and several nodes what the others
accept between two looks. Seconds are counted on each node alone, as requests are (decision 0008).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from waypost.background import Loop
from waypost.db.database import Database, Tx
from waypost.metrics import Metrics
from waypost.quotas import store
from waypost.quotas.model import FULL_SECONDS, QuotaReached, Quotas

LOOK_SECONDS = 1.0
REST = 20
"""A look that takes long is followed by a rest so many times as long: an environment may have 100,000 queues."""


@dataclass(slots=True)
class _Standing:
    """One environment: `left` of this second, and `waiting` as of a look.

    That began when `seen` logs had been accepted here, of those that were `taken` by now.
    """

    quotas: Quotas
    waiting: int
    left: float
    at: float
    taken: int = 0
    seen: int = 0

    def refill(self, now: float) -> None:
        """Let the time that went by count; what was not used is kept for one second."""
        if (most := self.quotas.messages_per_second) is not None:
            self.left, self.at = min(most, self.left + (now - self.at) * most), now

    def room(self) -> float:
        """How many messages may be taken now."""
        room = math.inf if self.quotas.messages_per_second is None else math.floor(self.left)
        if (most := self.quotas.pending_logs) is not None:
            room = min(room, max(0, most - self.waiting - self.taken + self.seen))
        return room

    def refusal(self) -> QuotaReached:
        """What is said to those for whom there is no room."""
        most, rate = self.quotas.pending_logs, self.quotas.messages_per_second
        if most is not None and (
            rate is None or most - self.waiting - self.taken + self.seen < math.floor(self.left)
        ):
            return QuotaReached("pendingLogs", most, FULL_SECONDS)
        assert rate is not None  # noqa: S101 - without a quota there is room
        return QuotaReached("messagesPerSecond", rate, max(1, math.ceil((1 - self.left) / rate)))


class Meter:
    """The quotas as this node knows them. `pending` counts an environment's logs that wait, from the counters.

    For the event loop's thread alone. `start` and `stop` are safe to call twice.
    """

    def __init__(
        self,
        db: Database,
        metrics: Metrics,
        *,
        pending: Callable[[Tx, str], int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._metrics = metrics
        self._pending = pending
        self._now = now
        self._known: dict[str, _Standing] = {}
        self._loop = Loop("quotas", self._turn, rest_seconds=LOOK_SECONDS)

    def admit(self, environment_id: str, wanted: int) -> tuple[int, QuotaReached | None]:
        """How many of so many messages may be taken, and what is said to the rest."""
        found = self._known.get(environment_id)
        if found is None:
            return wanted, None
        found.refill(self._now())
        room = found.room()
        if room >= wanted:
            found.left -= wanted
            return wanted, None
        over = found.refusal()
        found.left -= room
        self._metrics.quota_reached(environment_id, over.quota)
        return int(room), over

    def require(self, environment_id: str) -> None:
        """Raise QuotaReached where not one message may be taken."""
        found = self._known.get(environment_id)
        if found is not None:
            found.refill(self._now())
            if found.room() < 1:
                over = found.refusal()
                self._metrics.quota_reached(environment_id, over.quota)
                raise over

    def accepted(self, environment_id: str, logs: int) -> None:
        """So many logs more wait."""
        found = self._known.get(environment_id)
        if found is not None:
            found.taken += logs

    async def look(self) -> None:
        """Read the quotas, and what waits where that is bounded. Raises errors.Unavailable."""
        seen = {each: standing.taken for each, standing in self._known.items()}

        def read(tx: Tx) -> dict[str, tuple[Quotas, int]]:
            return {
                each: (quotas, 0 if quotas.pending_logs is None else self._pending(tx, each))
                for each, quotas in store.every(tx).items()
            }

        found = await self._db.read(read)
        self._known = {each: self._standing(each, *how, seen.get(each, 0)) for each, how in found.items()}

    async def start(self) -> None:
        """Look now, and every second from now on."""
        if not self._loop.is_running:
            await self._loop.once()
            self._loop.start(after_seconds=LOOK_SECONDS)

    async def stop(self) -> None:
        """Look no more."""
        await self._loop.stop()

    def _standing(self, environment_id: str, quotas: Quotas, waiting: int, seen: int) -> _Standing:
        """How it stands after a look that began when `seen` had been taken."""
        before = self._known.get(environment_id)
        if before is None:
            return _Standing(quotas, waiting, float(quotas.messages_per_second or 0), self._now())
        if before.quotas.messages_per_second == quotas.messages_per_second:
            return _Standing(quotas, waiting, before.left, before.at, before.taken, seen)
        left = float(quotas.messages_per_second or 0)
        return _Standing(quotas, waiting, left, self._now(), before.taken, seen)

    async def _turn(self) -> float:
        began = self._now()
        await self.look()
        return LOOK_SECONDS + min(60, REST * (self._now() - began))
