"""Child queues: order per patient in place of order per subscription.

A subscription has generations: each change of its `childQueues` begins a new one. The first one's only queue
has the subscription's id. In the later ones a message goes into the child queue of each patient that it names,
whose id is an HMAC of the identifier: the same on every node, and no way back to the patient. A message that names
several patients is one log with an entry of the same `seq` in each of their queues; it is sent when it is the head
of all of them.

Behind what is queued: a child made in a generation waits until nothing with a `seq` up to the generation's `since`
is pending in the subscription. As no message enters an older generation, that stays so once it is so.
"""

import hashlib
import hmac
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.ids import new_id
from waypost.queues.model import Addressee, QueueState
from waypost.queues.store import lock, queue_head, queue_tail

MOST_REMOVED = 200

_HEAD_COUNTS = ("delivered", "filtered", "skipped", "parked")
_TAIL_COUNTS = ("accepted", "replayed")


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation of a subscription's queues; `key` is None in the first, which has no children.

    `since` is the destination's last sequence number when the generation began.
    """

    subscription_id: str
    destination_id: str
    generation: int = 0
    since: int = 0
    key: bytes | None = field(default=None, repr=False)

    def addressee(self, identifiers: Collection[str] = ()) -> Addressee:
        """A new log's place. Without an identifier it is the child queue of messages that name nobody."""
        if self.key is None:
            return Addressee(new_id(), self.subscription_id, self.subscription_id, self.destination_id)
        first, *others = sorted({self._child(self.key, each) for each in identifiers or ("",)})
        return Addressee(
            new_id(), first, self.subscription_id, self.destination_id, others=tuple(others), since=self.since
        )

    def _child(self, key: bytes, identifier: str) -> str:
        named = f"{self.subscription_id}/{self.generation}/{identifier}".encode(errors="surrogatepass")
        return str(uuid.UUID(bytes=hmac.digest(key, named, hashlib.sha256)[:16]))


def is_blocked(tx: Tx, subscription_id: str, since: int) -> bool:
    """Whether a queue of an older generation has something pending still."""
    c = queue_head.c
    older = sa.func.coalesce(c.since, -1) < since
    query = (
        sa.select(c.queue_id)
        .join(queue_tail, queue_tail.c.queue_id == c.queue_id)
        .where(c.subscription_id == subscription_id, older, queue_tail.c.last_seq > c.cursor)
    )
    return tx.execute(query.limit(1)).first() is not None


def rouse(tx: Tx, subscription_id: str, now_ms: int) -> int:
    """Have every waiting queue of a subscription look again; how many there are."""
    waiting = (queue_head.c.subscription_id == subscription_id, queue_head.c.state == QueueState.waiting)
    return tx.execute(queue_head.update().where(*waiting).values(state=QueueState.ready, due_at=now_ms)).rowcount


def idle(tx: Tx, shards: Collection[int], limit: int = MOST_REMOVED) -> list[str]:
    """Child queues of these shards in which nothing waits."""
    c = queue_head.c
    query = sa.select(c.queue_id).where(
        c.since.is_not(None), c.state == QueueState.idle, c.shard.in_(list(shards))
    )
    return list(tx.scalars(query.limit(limit)))


def remove(tx: Tx, queue_ids: Collection[str]) -> int:
    """Take away those that are idle still, their counters added to the subscription's own queue; how many."""
    c, tail = queue_head.c, queue_tail.c
    owners = set(tx.scalars(sa.select(c.subscription_id).where(c.queue_id.in_(list(queue_ids)))))
    lock(tx, sorted({*queue_ids, *owners}))
    rows = tx.execute(
        sa.select(queue_head, *(tail[name] for name in _TAIL_COUNTS))
        .join(queue_tail, tail.queue_id == c.queue_id)
        .where(c.queue_id.in_(list(queue_ids)), c.since.is_not(None))
        .where(c.state == QueueState.idle, c.cursor == tail.last_seq)
    ).all()
    for owner in sorted({row.subscription_id for row in rows}):
        mine = [row._mapping for row in rows if row.subscription_id == owner]
        for table, names in ((queue_tail, _TAIL_COUNTS), (queue_head, _HEAD_COUNTS)):
            more = {name: table.c[name] + sum(row[name] for row in mine) for name in names}
            tx.execute(table.update().where(table.c.queue_id == owner).values(more))
    gone = [row.queue_id for row in rows]
    for table in (queue_tail, queue_head):
        tx.execute(table.delete().where(table.c.queue_id.in_(gone)))
    return len(gone)
