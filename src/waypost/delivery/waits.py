"""What a queue waits for besides its own turn: an older generation of its subscription, other patients' queues.

All queues of a subscription are run by one worker, so that what is kept here in memory is all there is to know; a
waiting queue looks again by itself now and then, which is what remains after a crash.
"""

import asyncio

from waypost.db.database import Database, Tx
from waypost.delivery.due import DueClock
from waypost.queues import children
from waypost.queues.model import Fence, Head, Pending, QueueState
from waypost.queues.port import Hot, rows_of_settle

LOOK_AGAIN_MS = 10_000

OLDER = "Waits for what was queued before childQueues changed."
MERGE = "Waits for earlier messages of another patient that this message names."

Cursors = tuple[tuple[str, int], ...]
"""Queues, and where they stand."""


class Waits:
    """The waits of the queues that this node runs."""

    def __init__(self, db: Database, hot: Hot, due: DueClock) -> None:
        self._db = db
        self._hot = hot
        self._due = due
        self._through: dict[str, int] = {}
        self._behind: dict[str, set[int]] = {}
        self._sending: set[str] = set()
        self._looking = asyncio.Lock()

    def is_behind(self, tx: Tx, head: Head) -> bool:
        """Whether an older generation comes first. Once it does not, it never does again."""
        if head.since is None or self._through.get(head.subscription_id, -1) >= head.since:
            return False
        if children.is_blocked(tx, head.subscription_id, head.since):
            self._behind.setdefault(head.subscription_id, set()).add(head.since)
            return True
        self._through[head.subscription_id] = head.since
        return False

    async def begin(self, head: Head, cursor: int, pending: Pending) -> Cursors | None:
        """The other queues of a merged message with their cursors; None unless it is the head of all, and may go.

        Of its queues only the one that began sends it, until that says `end`. One looks at a time: of two that
        come to it at once, the second sees what the first made of it.
        """
        async with self._looking:
            if pending.log_id in self._sending:
                return None
            found = await self._db.read(lambda tx: self._others(tx, head, cursor, pending))
            if found is not None:
                self._sending.add(pending.log_id)
            return found

    def end(self, pending: Pending) -> None:
        """The attempt that was begun is recorded, or never will be."""
        self._sending.discard(pending.log_id)

    async def wait(self, head: Head, fence: Fence, reason: str, *, behind: bool) -> QueueState | None:
        """Have the queue look again later, or sooner when it is roused; None when it has moved meanwhile.

        Nor does it wait when it was `behind` an older generation, and is no more.
        """
        due_at = self._due.now_ms() + LOOK_AGAIN_MS

        def wait(tx: Tx) -> QueueState | None:
            if behind and not self.is_behind(tx, head):
                return None
            return self._hot.wait(tx, fence, reason, due_at)

        return await self._db.write(wait, beside=rows_of_settle())

    def _others(self, tx: Tx, head: Head, cursor: int, pending: Pending) -> Cursors | None:
        found = [(head.queue_id, cursor)]
        for queue_id in pending.merges:
            if queue_id != head.queue_id:
                other = self._hot.head(tx, queue_id)
                if other is None or not (other.state is QueueState.waiting or other.may_run(self._due.now_ms())):
                    return None
                found.append((queue_id, other.cursor))
        return tuple(found[1:]) if self._hot.are_next(tx, found, pending.seq) else None

    async def emptied(self, head: Head) -> None:
        """Hear that a queue is empty: the generation behind its own goes on, if that was the last of it."""
        mine, behind = -1 if head.since is None else head.since, self._behind.get(head.subscription_id, set())
        since = min((each for each in behind if each > mine), default=None)
        if since is None or await self._db.read(lambda tx: children.is_blocked(tx, head.subscription_id, since)):
            return
        behind.discard(since)
        now = self._due.now_ms()
        await self._db.write(lambda tx: children.rouse(tx, head.subscription_id, now), beside=rows_of_settle())
