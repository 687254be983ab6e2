"""Which shards this node delivers: leased by the database's clock, renewed apart from attempts, fenced by epoch.

A lease that could not be renewed in time is over here before it is over for others: nothing new is sent under it.
On a store that nobody shares the first look takes everything, for good.
"""

import time
from collections.abc import Callable, Collection
from functools import partial

import structlog

from waypost.background import Loop
from waypost.db.database import Database, Tx
from waypost.delivery.due import DueClock
from waypost.errors import Unavailable
from waypost.ids import new_id
from waypost.queues import shards
from waypost.queues import store as queues
from waypost.queues.port import Hot
from waypost.queues.shards import Owned

LEASE_SECONDS = 10.0
RENEW_SECONDS = 2.0
HANDOVER_SECONDS = 0.25
MARGIN_SECONDS = 1.0

log = structlog.get_logger("waypost.delivery")

IsBusy = Callable[[int], bool]
"""Whether an attempt is under way in a shard."""


class Ownership:
    """The shards of this node's worker. `begin` and `end` are the worker's to call."""

    def __init__(self, db: Database, hot: Hot, due: DueClock, *, longest_seconds: float) -> None:
        """`longest_seconds`: no queue that comes to this node waits longer for its next attempt."""
        self._db = db
        self._hot = hot
        self._due = due
        self._longest_ms = round(longest_seconds * 1000)
        self.worker_id = new_id()
        self._epochs: dict[int, int] = {}
        self._leaving: frozenset[int] = frozenset()
        self._until = 0.0
        self._loop: Loop | None = None

    async def begin(self, *, busy: IsBusy, changed: Callable[[frozenset[int], frozenset[int]], None]) -> None:
        """Take this node's share, and tell of shards gained and lost from now on. Raises errors.Unavailable."""
        await self._look(busy, changed)
        if self._db.shared:
            self._loop = Loop("lease", partial(self._renew, busy, changed), rest_seconds=RENEW_SECONDS)
            self._loop.start(after_seconds=RENEW_SECONDS)

    async def end(self) -> None:
        """Give everything back, so that others need not wait for the leases to run out."""
        if self._loop is not None:
            await self._loop.stop()
            self._loop = None
        self._epochs, self._until = {}, 0.0
        try:
            await self._db.write(lambda tx: shards.leave(tx, self.worker_id), beside=shards.LOOKING)
        except Unavailable as error:
            log.warning("shards.not_given_back", detail=error.detail)

    def claimable(self) -> Collection[int]:
        """The shards whose queues may begin to run now."""
        return self._epochs.keys() - self._leaving if self._holds() else frozenset()

    def owns(self, shard: int) -> bool:
        """Whether the next message of a queue in this shard may be sent from here."""
        return shard in self._epochs and shard not in self._leaving and self._holds()

    def epoch(self, shard: int) -> int | None:
        """The epoch under which this node speaks for a shard; None when it does not."""
        return self._epochs.get(shard)

    def _holds(self) -> bool:
        return not self._db.shared or time.monotonic() < self._until

    async def _renew(self, busy: IsBusy, changed: Callable[[frozenset[int], frozenset[int]], None]) -> float:
        await self._look(busy, changed)
        return HANDOVER_SECONDS if self._leaving else RENEW_SECONDS

    async def _look(self, busy: IsBusy, changed: Callable[[frozenset[int], frozenset[int]], None]) -> None:
        began = time.monotonic()
        back = [shard for shard in self._leaving if not busy(shard)]

        def look(tx: Tx) -> tuple[Owned, frozenset[int]]:
            now_ms, lease_ms, alone = self._hot.now_ms(tx), round(LEASE_SECONDS * 1000), not self._db.shared
            if not alone:
                self._due.compare(now_ms)
            found = shards.look(tx, self.worker_id, now_ms, lease_ms=lease_ms, back=back, alone=alone)
            gained = frozenset(shard for shard, epoch in found.epochs.items() if self._epochs.get(shard) != epoch)
            if gained:
                queues.bring_near(tx, gained, self._due.now_ms(), self._longest_ms)
            return found, gained

        found, gained = await self._db.write(look, beside=shards.LOOKING)
        before, self._epochs, self._leaving = self._epochs, found.epochs, found.surplus
        self._until = began + LEASE_SECONDS - MARGIN_SECONDS
        lost = frozenset(before) - found.epochs.keys()
        if gained or lost:
            log.info("shards.changed", owned=len(found.epochs), gained=len(gained), lost=len(lost))
            changed(gained, lost)
