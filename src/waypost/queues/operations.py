"""Rows of what operators do to a queue: pause, resume, retry, skip its head. All fenced by what they saw."""

from collections.abc import Sequence

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import LogState, log
from waypost.queues.model import QueueState
from waypost.queues.store import entry, queue_head, queue_tail

_NOTHING_HOLDS = {"attempts": 0, "refused": 0, "reason": None, "last_status": None, "held_since": None}
_HOLDING = (QueueState.held, QueueState.waiting)


def pause(tx: Tx, queue_id: str) -> None:
    """Send nothing more from a queue; what arrives is stored behind what waits."""
    _set(tx, queue_id, state=QueueState.paused, due_at=None)


def resume(tx: Tx, queue_id: str, now_ms: int) -> None:
    """Let a paused queue go on, at once if anything waits in it."""
    _set(tx, queue_id, **_going_on(tx, queue_id, now_ms))


def retry(tx: Tx, queue_id: str, now_ms: int) -> None:
    """Make a held queue's head due now, whatever it was told to wait for."""
    tx.execute(
        queue_head.update()
        .where(queue_head.c.queue_id == queue_id, queue_head.c.state.in_(_HOLDING))
        .values(due_at=now_ms)
    )


def head_log(tx: Tx, queue_id: str) -> tuple[int, str] | None:
    """Sequence number and log id of the message at the head; None for an empty queue."""
    cursor = sa.select(queue_head.c.cursor).where(queue_head.c.queue_id == queue_id).scalar_subquery()
    query = sa.select(entry.c.seq, entry.c.log_id).where(entry.c.queue_id == queue_id, entry.c.seq > cursor)
    row = tx.execute(query.order_by(entry.c.seq).limit(1)).one_or_none()
    return None if row is None else (row.seq, row.log_id)


def queues_of(tx: Tx, queue_id: str, log_id: str) -> list[str]:
    """The queues that a log in this one is in: several for one that names several patients."""
    written = tx.scalar(sa.select(log.c.queues).where(log.c.id == log_id))
    return written.split() if written else [queue_id]


def skip(tx: Tx, queue_ids: Sequence[str], seq: int, log_id: str, now_ms: int, reason: str) -> None:
    """End the message at the head of these as skipped, its body kept, and let them go on behind it."""
    tx.execute(
        log.update()
        .where(log.c.id == log_id)
        .values(state=LogState.skipped, ended_at=now_ms, updated_at=now_ms, end_reason=reason)
    )
    for queue_id in queue_ids:
        counter = queue_head.c.skipped if queue_id == queue_ids[0] else queue_head.c.joined
        _set(tx, queue_id, cursor=seq, **{counter.name: counter + 1})
        state = tx.scalar(sa.select(queue_head.c.state).where(queue_head.c.queue_id == queue_id))
        if state != QueueState.paused:
            _set(tx, queue_id, **_going_on(tx, queue_id, now_ms))
        _set(tx, queue_id, **_NOTHING_HOLDS)


def _going_on(tx: Tx, queue_id: str, now_ms: int) -> dict[str, object]:
    """State and due time of a queue that nothing holds; the tail is locked, so that no accept falls between."""
    tail = sa.select(queue_tail.c.last_seq).where(queue_tail.c.queue_id == queue_id).with_for_update()
    last = tx.scalar(tail) or 0
    cursor = tx.scalar(sa.select(queue_head.c.cursor).where(queue_head.c.queue_id == queue_id)) or 0
    if last > cursor:
        return {"state": QueueState.ready, "due_at": now_ms, **_NOTHING_HOLDS}
    return {"state": QueueState.idle, "due_at": None, **_NOTHING_HOLDS}


def _set(tx: Tx, queue_id: str, **values: object) -> None:
    tx.execute(queue_head.update().where(queue_head.c.queue_id == queue_id).values(**values))
