"""How environments stand, from the queues' own counters: for `/metrics` and the dashboard. No log is counted."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.environments.store import environment
from waypost.metrics import EnvironmentFigures
from waypost.queues import oldest
from waypost.queues.model import QueueState, QueueView
from waypost.queues.store import depth, of_destination, queue_head, queue_tail

SHOWN = {
    QueueState.idle: "idle",
    QueueState.ready: "delivering",
    QueueState.held: "held",
    QueueState.waiting: "held",
    QueueState.paused: "paused",
}
"""The states as the API says them."""


def states_shown_as(word: str | None) -> tuple[QueueState, ...]:
    """The states that the API says with this word; none for none."""
    return tuple(state for state, shown in SHOWN.items() if shown == word)


_HELD = (QueueState.held, QueueState.waiting)
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


def of_environments(tx: Tx, now_ms: int) -> list[EnvironmentFigures]:
    """Every environment, those without a queue too. One pass over the queues, one look at each head that waits."""
    sums: dict[str, list[Any]] = defaultdict(list)
    for row in tx.execute(_sums):
        sums[row.environment_id].append(row)
    waiting = oldest.of_environments(tx)
    known = tx.scalars(sa.select(environment.c.id).order_by(environment.c.id)).all()
    return [_figures(each, sums[each], waiting.get(each), now_ms) for each in known]


def of_environment(tx: Tx, environment_id: str, oldest_at: int | None, now_ms: int) -> EnvironmentFigures:
    """One environment, as `of_environments` has it; `oldest_at` is what `oldest.of_environment` found."""
    rows = list(tx.execute(_sums.where(_head.environment_id == environment_id)))
    return _figures(environment_id, rows, oldest_at, now_ms)


@dataclass(frozen=True, slots=True)
class Holding:
    """What one destination holds: so many queues with `depth` entries; some of them, the longest held first."""

    destination_id: str
    queues: int
    depth: int
    some: tuple[QueueView, ...]

    @property
    def longest(self) -> QueueView:
        """The queue that says why."""
        return self.some[0]


def holding(tx: Tx, environment_id: str, count: int, *, queues: int = 1) -> list[Holding]:
    """The destinations of an environment with held queues, the longest held first; at most so many.

    Each comes with at most so many of its `queues`.
    """
    held = (_head.environment_id == environment_id, _head.closed_at.is_(None), _head.state.in_(_HELD))
    since = sa.func.min(_head.held_since)
    query = (
        sa.select(_head.destination_id, sa.func.count().label("queues"), sa.func.sum(depth).label("depth"))
        .select_from(_joined)
        .where(*held)
        .group_by(_head.destination_id)
        .order_by(since.is_(None), since, _head.destination_id)
        .limit(count)
    )
    return [
        Holding(each.destination_id, each.queues, int(each.depth), tuple(some))
        for each in tx.execute(query).all()
        if (some := of_destination(tx, each.destination_id, count=queues))
    ]


def _figures(environment_id: str, rows: list[Any], oldest_at: int | None, now_ms: int) -> EnvironmentFigures:
    def total(name: str) -> int:
        return sum(int(getattr(row, name) or 0) for row in rows)

    held = min((row.held_since for row in rows if row.state == QueueState.held), default=None)
    ended = {name: total(name) for name in ENDS}
    received, replayed = total("accepted"), total("replayed")
    queues = dict.fromkeys(SHOWN.values(), 0)
    for row in rows:
        queues[SHOWN[QueueState(row.state)]] += int(row.queues)
    return EnvironmentFigures(
        id=environment_id,
        queues=queues,
        pending=received + replayed - sum(ended.values()),
        ended=ended,
        accepted=received,
        replayed=replayed,
        oldest_seconds=_age(oldest_at, now_ms),
        held_seconds=_age(held, now_ms),
    )


def _age(since: int | None, now_ms: int) -> float:
    return 0.0 if since is None else max(0, now_ms - since) / 1000
