"""The ledger counted again from log rows, against the counters that the queues keep: what `check` asks."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import State as LogState
from waypost.logs.store import log
from waypost.queues.store import destination_seq, entry, message, queue_head, queue_tail

_ENDS = (LogState.delivered, LogState.filtered, LogState.skipped, LogState.parked)


def _count(condition: sa.ColumnElement[bool], name: str) -> sa.Label[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0).label(name)


_counted = (
    sa.select(
        entry.c.queue_id,
        sa.func.count().label("entries"),
        sa.func.max(entry.c.seq).label("newest"),
        *(_count(log.c.state == state, f"{state.value}_logs") for state in _ENDS),
        _count(log.c.replay_of.is_not(None), "replays"),
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
    sa.select(queue_head, queue_tail.c.accepted, queue_tail.c.replayed, queue_tail.c.last_seq, _counted)
    .outerjoin(queue_tail, queue_tail.c.queue_id == queue_head.c.queue_id)
    .outerjoin(_counted, _counted.c.queue_id == queue_head.c.queue_id)
)
_logs = (
    sa.select(log.c.destination_id, sa.func.count().label("logs"), sa.func.max(log.c.seq).label("newest"))
    .group_by(log.c.destination_id)
    .subquery()
)
_entries = (
    sa.select(queue_tail.c.destination_id, sa.func.count(entry.c.seq.distinct()).label("entries"))
    .join(queue_tail, queue_tail.c.queue_id == entry.c.queue_id)
    .group_by(queue_tail.c.destination_id)
    .subquery()
)


def size(tx: Tx) -> dict[str, int]:
    """How much there is to count."""
    return {
        "queues": tx.scalar(sa.select(sa.func.count()).select_from(queue_head)) or 0,
        "logs": tx.scalar(sa.select(sa.func.count()).select_from(log)) or 0,
    }


def faults(tx: Tx) -> list[str]:
    """Everything that does not add up, each in a sentence; empty when the ledger holds."""
    found = [fault for queue in tx.execute(_queues).mappings() for fault in _of_queue(queue)]
    return [*found, *_of_destinations(tx), *_without_message(tx)]


def _of_queue(queue: sa.RowMapping) -> Iterator[str]:
    name = f"Queue {queue['queue_id']}"
    if queue["accepted"] is None:
        yield f"{name} has a head and no tail."
        return
    for counter, counted in _pairs(queue):
        if queue[counter] != (queue[counted] or 0):
            yield f"{name}: its counter says {queue[counter]} {counter}, its logs say {queue[counted] or 0}."
    if queue["newest"] is not None and queue["last_seq"] != queue["newest"]:
        yield f"{name} ends at {queue['last_seq']}, its last entry is {queue['newest']}."
    if queue["missing"]:
        yield f"{name}: {queue['missing']} entries have no log."
    if queue["passed_over"]:
        yield f"{name}: {queue['passed_over']} pending logs lie behind its cursor; nothing would send them."
    if queue["ended_early"]:
        yield f"{name}: {queue['ended_early']} logs before its cursor's turn have ended; they would be sent again."


def _pairs(queue: sa.RowMapping) -> Iterator[tuple[str, str]]:
    yield "accepted", "entries"
    yield "replayed", "replays"
    for state in _ENDS:
        yield state.value, f"{state.value}_logs"


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
            yield f"{name} has {row.logs} logs, its queues know {row.entries or 0}."
        if (row.last or 0) < row.newest:
            yield f"{name}: its sequence stands at {row.last or 0}, a log has {row.newest}."


def _without_message(tx: Tx) -> Iterator[str]:
    query = sa.select(sa.func.count()).select_from(log.outerjoin(message, message.c.id == log.c.message_id))
    count: Any = tx.scalar(query.where(message.c.id.is_(None)))
    if count:
        yield f"{count} logs have lost their message."
