"""How every environment stands, from the queues' own counters: what `/metrics` reads. No log is counted."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.environments.store import environment
from waypost.logs.store import log
from waypost.metrics import Environment
from waypost.queues.model import State
from waypost.queues.store import entry, queue_head, queue_tail

SHOWN = {
    State.idle: "idle",
    State.ready: "delivering",
    State.held: "held",
    State.waiting: "held",
    State.paused: "paused",
}
"""The states as the API says them."""
ENDS = ("delivered", "filtered", "skipped", "parked")

_head, _tail = queue_head.c, queue_tail.c
_joined = queue_head.join(queue_tail, _tail.queue_id == _head.queue_id)
_is_open = sa.case((_head.closed_at.is_(None), 1), else_=0)
_sums = (
    sa.select(
        _head.environment_id,
        _head.state,
        sa.func.sum(_is_open).label("queues"),
        sa.func.min(_head.held_since).label("held_since"),
        sa.func.sum(_tail.accepted - _tail.replayed).label("accepted"),
        sa.func.sum(_tail.replayed).label("replayed"),
        *(sa.func.sum(_head[name]).label(name) for name in ENDS),
    )
    .select_from(_joined)
    .group_by(_head.environment_id, _head.state)
)
_first = (
    sa.select(sa.func.min(entry.c.seq))
    .where(entry.c.queue_id == _head.queue_id, entry.c.seq > _head.cursor)
    .correlate(queue_head)
    .scalar_subquery()
)
_oldest = (
    sa.select(_head.environment_id, sa.func.min(log.c.accepted_at))
    .join(entry, sa.and_(entry.c.queue_id == _head.queue_id, entry.c.seq == _first))
    .join(log, log.c.id == entry.c.log_id)
    .where(_head.state != State.idle, _head.closed_at.is_(None))
    .group_by(_head.environment_id)
)


def of_environments(tx: Tx, now_ms: int) -> list[Environment]:
    """Every environment, those without a queue too. One pass over the queues, one look at each head that waits."""
    sums: dict[str, list[Any]] = defaultdict(list)
    for row in tx.execute(_sums):
        sums[row.environment_id].append(row)
    oldest = {row[0]: row[1] for row in tx.execute(_oldest)}
    known = tx.scalars(sa.select(environment.c.id).order_by(environment.c.id)).all()
    return [_figures(each, sums[each], oldest.get(each), now_ms) for each in known]


def _figures(environment_id: str, rows: list[Any], oldest: int | None, now_ms: int) -> Environment:
    def total(name: str) -> int:
        return sum(int(getattr(row, name) or 0) for row in rows)

    held = min((row.held_since for row in rows if row.state == State.held), default=None)
    ended = {name: total(name) for name in ENDS}
    received, replayed = total("accepted"), total("replayed")
    queues = dict.fromkeys(SHOWN.values(), 0)
    for row in rows:
        queues[SHOWN[State(row.state)]] += int(row.queues)
    return Environment(
        id=environment_id,
        queues=queues,
        pending=received + replayed - sum(ended.values()),
        ended=ended,
        accepted=received,
        replayed=replayed,
        oldest_seconds=_age(oldest, now_ms),
        held_seconds=_age(held, now_ms),
    )


def _age(since: int | None, now_ms: int) -> float:
    return 0.0 if since is None else max(0, now_ms - since) / 1000
