"""How environments stand, from the queues' own counters: for `/metrics` and the dashboard. No log is counted."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.environments.store import environment
from waypost.logs.store import log
from waypost.metrics import Environment
from waypost.queues.model import State
from waypost.queues.store import depth, entry, queue_head, queue_tail

SHOWN = {
    State.idle: "idle",
    State.ready: "delivering",
    State.held: "held",
    State.waiting: "held",
    State.paused: "paused",
}
"""The states as the API says them."""


def states_shown_as(word: str | None) -> tuple[State, ...]:
    """The states that the API says with this word; none for none."""
    return tuple(state for state, shown in SHOWN.items() if shown == word)


_HELD = (State.held, State.waiting)
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
_first_accepted = (
    sa.select(log.c.accepted_at)
    .join(entry, entry.c.log_id == log.c.id)
    .where(entry.c.queue_id == _head.queue_id, entry.c.seq > _head.cursor)
    .order_by(entry.c.seq)
    .limit(1)
    .correlate(queue_head)
    .scalar_subquery()
)
"""Of a queue. Not a join: PostgreSQL would read every entry there is for it."""
_oldest = (
    sa.select(_head.environment_id, sa.func.min(_first_accepted))
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


def of_environment(tx: Tx, environment_id: str, now_ms: int) -> Environment:
    """One environment, as `of_environments` has it."""
    here = _head.environment_id == environment_id
    rows = list(tx.execute(_sums.where(here)))
    oldest = tx.execute(_oldest.where(here)).one_or_none()
    return _figures(environment_id, rows, None if oldest is None else oldest[1], now_ms)


@dataclass(frozen=True, slots=True)
class Holding:
    """What one destination holds: so many queues with `depth` entries, of which the longest held says why."""

    destination_id: str
    queues: int
    depth: int
    queue_id: str
    held_since: int | None
    reason: str | None
    last_status: int | None
    next_attempt_at: int | None


def holding(tx: Tx, environment_id: str, count: int) -> list[Holding]:
    """The destinations of an environment with held queues, the longest held first; at most so many."""
    held = (_head.environment_id == environment_id, _head.closed_at.is_(None), _head.state.in_(_HELD))
    since = sa.func.min(_head.held_since)
    query = (
        sa.select(_head.destination_id, sa.func.count().label("queues"), sa.func.sum(depth).label("depth"), since)
        .select_from(_joined)
        .where(*held)
        .group_by(_head.destination_id)
        .order_by(since.is_(None), since, _head.destination_id)
        .limit(count)
    )
    return [_holding(tx, row) for row in tx.execute(query).all()]


def _holding(tx: Tx, row: sa.Row[Any]) -> Holding:
    """With the words of its queue that is held longest."""
    first = sa.select(queue_head).where(
        _head.destination_id == row.destination_id, _head.state.in_(_HELD), _head.closed_at.is_(None)
    )
    queue = tx.execute(first.order_by(_head.held_since.is_(None), _head.held_since).limit(1)).one()
    return Holding(
        row.destination_id, row.queues, int(row.depth), queue.queue_id, queue.held_since, queue.reason,
        queue.last_status, queue.due_at,
    )  # fmt: skip


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
