"""The ledger counted again from log rows, against the counters that the queues keep: what `check` asks."""

from collections.abc import Iterator

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import LogState, log
from waypost.queues.purged import purged
from waypost.queues.store import depth, destination_seq, entry, message, queue_head, queue_tail

_ENDS = (LogState.delivered, LogState.filtered, LogState.skipped, LogState.parked)
_PAIRS = [("accepted", "logs"), ("replayed", "replays"), *((end.value, f"{end.value}_logs") for end in _ENDS)]


def _count(condition: sa.ColumnElement[bool], name: str) -> sa.Label[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0).label(name)


_counted = (
    sa.select(
        log.c.subscription_id,
        sa.func.count().label("logs"),
        *(_count(log.c.state == state, f"{state.value}_logs") for state in _ENDS),
        _count(log.c.replay_of.is_not(None), "replays"),
    )
    .group_by(log.c.subscription_id)
    .subquery()
)
_summed = (
    sa.select(
        queue_head.c.subscription_id,
        *(sa.func.sum(queue_tail.c[name]).label(name) for name in ("accepted", "replayed")),
        *(sa.func.sum(queue_head.c[state.value]).label(state.value) for state in _ENDS),
    )
    .join(queue_tail, queue_tail.c.queue_id == queue_head.c.queue_id)
    .group_by(queue_head.c.subscription_id)
    .subquery()
)
_ended = [sa.func.coalesce(purged.c[state.value], 0) for state in _ENDS]
_gone = [
    *(column.label(f"{state.value}_logs_gone") for state, column in zip(_ENDS, _ended, strict=True)),
    sum(_ended[1:], _ended[0]).label("logs_gone"),
    sa.func.coalesce(purged.c.replayed, 0).label("replays_gone"),
]
_subscriptions = (
    sa.select(_summed, _counted, *_gone)
    .outerjoin(_counted, _counted.c.subscription_id == _summed.c.subscription_id)
    .outerjoin(purged, purged.c.subscription_id == _summed.c.subscription_id)
)
_waiting = (
    sa.select(
        entry.c.queue_id,
        sa.func.max(entry.c.seq).label("newest"),
        _count(entry.c.seq > queue_head.c.cursor, "behind"),
        _count(log.c.id.is_(None), "missing"),
        _count(sa.and_(log.c.state == LogState.pending, entry.c.seq <= queue_head.c.cursor), "passed_over"),
        _count(sa.and_(log.c.state != LogState.pending, entry.c.seq > queue_head.c.cursor), "ended_early"),
    )
    .join(queue_head, queue_head.c.queue_id == entry.c.queue_id)
    .outerjoin(log, log.c.id == entry.c.log_id)
    .group_by(entry.c.queue_id)
    .subquery()
)
_queues = (
    sa.select(queue_head, queue_tail.c.last_seq, depth, _waiting, purged.c.subscription_id.label("thinned"))
    .outerjoin(queue_tail, queue_tail.c.queue_id == queue_head.c.queue_id)
    .outerjoin(_waiting, _waiting.c.queue_id == queue_head.c.queue_id)
    .outerjoin(purged, purged.c.subscription_id == queue_head.c.subscription_id)
)
_logs = (
    sa.select(log.c.destination_id, sa.func.count().label("logs"), sa.func.max(log.c.seq).label("newest"))
    .group_by(log.c.destination_id)
    .subquery()
)
_entries = (
    sa.select(log.c.destination_id, sa.func.count(entry.c.seq.distinct()).label("entries"))
    .join(entry, entry.c.log_id == log.c.id)
    .group_by(log.c.destination_id)
    .subquery()
)
_forgotten = (
    sa.select(sa.func.count())
    .select_from(entry.join(log, log.c.id == entry.c.log_id))
    .outerjoin(queue_head, queue_head.c.queue_id == entry.c.queue_id)
    .where(queue_head.c.queue_id.is_(None), log.c.state == LogState.pending)
)


def size(tx: Tx) -> dict[str, int]:
    """How much there is to count."""
    return {
        "queues": tx.scalar(sa.select(sa.func.count()).select_from(queue_head)) or 0,
        "logs": tx.scalar(sa.select(sa.func.count()).select_from(log)) or 0,
    }


def faults(tx: Tx) -> list[str]:
    """Everything that does not add up, each in a sentence; empty when the ledger holds."""
    found = [fault for row in tx.execute(_subscriptions).mappings() for fault in _of_subscription(row)]
    found += [fault for queue in tx.execute(_queues).mappings() for fault in _of_queue(queue)]
    return [*found, *_of_destinations(tx), *_without_message(tx), *_without_queue(tx)]


def _of_subscription(row: sa.RowMapping) -> Iterator[str]:
    """The counters of its queues together: those of a child queue that is gone were added to its own queue's.

    Beside the logs that are there count those that retention has removed.
    """
    for counter, counted in _PAIRS:
        known = (row[counted] or 0) + row[f"{counted}_gone"]
        if row[counter] != known:
            words = f"its counters say {row[counter]} {counter}, its logs say {known}."
            yield f"Subscription {row['subscription_id']}: {words}"


def _of_queue(queue: sa.RowMapping) -> Iterator[str]:
    name = f"Queue {queue['queue_id']}"
    if queue["last_seq"] is None:
        yield f"{name} has a head and no tail."
        return
    newest = queue["newest"] or 0  # of what is kept: retention may have removed the last one
    if newest > queue["last_seq"] or (0 < newest < queue["last_seq"] and queue["thinned"] is None):
        yield f"{name} ends at {queue['last_seq']}, its last entry is {queue['newest']}."
    if queue["depth"] != (queue["behind"] or 0):
        yield f"{name}: its counters say {queue['depth']} waiting, its entries say {queue['behind'] or 0}."
    if queue["missing"]:
        yield f"{name}: {queue['missing']} entries have no log."
    if queue["passed_over"]:
        yield f"{name}: {queue['passed_over']} pending logs lie behind its cursor; nothing would send them."
    if queue["ended_early"]:
        yield f"{name}: {queue['ended_early']} logs before its cursor's turn have ended; they would be sent again."


def _of_destinations(tx: Tx) -> Iterator[str]:
    """Logs that no queue knows, and counters that would give a number twice."""
    query = (
        sa.select(_logs, destination_seq.c.last, _entries.c.entries)
        .outerjoin(destination_seq, destination_seq.c.destination_id == _logs.c.destination_id)
        .outerjoin(_entries, _entries.c.destination_id == _logs.c.destination_id)
    )
    for row in tx.execute(query):
        name = f"Destination {row.destination_id}"
        if (row.entries or 0) != row.logs:
            yield f"{name} has {row.logs} logs, {row.entries or 0} of them in a queue."
        if (row.last or 0) < row.newest:
            yield f"{name}: its sequence stands at {row.last or 0}, a log has {row.newest}."


def _without_message(tx: Tx) -> Iterator[str]:
    query = sa.select(sa.func.count()).select_from(log.outerjoin(message, message.c.id == log.c.message_id))
    if count := tx.scalar(query.where(message.c.id.is_(None))):
        yield f"{count} logs have lost their message."


def _without_queue(tx: Tx) -> Iterator[str]:
    if count := tx.scalar(_forgotten):
        yield f"{count} pending logs are in a queue that is gone; nothing would send them."
