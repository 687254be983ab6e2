"""How destinations stand, from the counters of their queues: what lists and live pages show. No log is counted."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.queues.model import QueueState
from waypost.queues.store import depth, queue_head, queue_tail

_head = queue_head.c
_STUCK = (QueueState.held, QueueState.waiting)


@dataclass(frozen=True, slots=True)
class Standing:
    """The queues of one destination together: how many there are and are held, what waits, what has ended."""

    queues: int = 0
    held: int = 0
    paused: int = 0
    delivering: int = 0
    waiting: int = 0
    delivered: int = 0
    given_up: int = 0
    held_since: int | None = None

    @property
    def word(self) -> str:
        """The state of the whole, the worst of its queues first."""
        counts = (("held", self.held), ("paused", self.paused), ("delivering", self.delivering))
        return next((word for word, count in counts if count), "idle")


def _count_of(*states: QueueState) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((_head.state.in_(states), 1), else_=0))


_sums = (
    sa.select(
        _head.destination_id,
        sa.func.count().label("queues"),
        _count_of(*_STUCK).label("held"),
        _count_of(QueueState.paused).label("paused"),
        _count_of(QueueState.ready).label("delivering"),
        sa.func.sum(depth).label("waiting"),
        sa.func.sum(_head.delivered).label("delivered"),
        sa.func.sum(_head.skipped + _head.parked).label("given_up"),
        sa.func.min(sa.case((_head.state == QueueState.held, _head.held_since))).label("held_since"),
    )
    .select_from(queue_head.join(queue_tail, queue_tail.c.queue_id == _head.queue_id))
    .where(_head.closed_at.is_(None))
    .group_by(_head.destination_id)
)


def of_destinations(tx: Tx, destination_ids: Collection[str]) -> dict[str, Standing]:
    """Each of these destinations that has a queue."""
    rows = tx.execute(_sums.where(_head.destination_id.in_(destination_ids)))
    return {row.destination_id: _standing(row) for row in rows}


def of_destination(tx: Tx, destination_id: str) -> Standing:
    """One destination; all naught without a queue."""
    return of_destinations(tx, [destination_id]).get(destination_id, Standing())


def of_subscriptions(tx: Tx, subscription_ids: Collection[str]) -> dict[str, Standing]:
    """Each of these subscriptions, with its child queues."""
    by = _head.subscription_id
    rows = tx.execute(_sums.add_columns(by).group_by(by).where(by.in_(subscription_ids)))
    return {row.subscription_id: _standing(row) for row in rows}


def held_destinations(environment_id: str) -> sa.Select[tuple[str]]:
    """A query for the ids of the environment's destinations with a held queue."""
    return sa.select(_head.destination_id).where(
        _head.environment_id == environment_id, _head.state.in_(_STUCK), _head.closed_at.is_(None)
    )


def _standing(row: sa.Row[Any]) -> Standing:
    counts = {name: int(getattr(row, name)) for name in Standing.__slots__ if name != "held_since"}
    return Standing(**counts, held_since=row.held_since)
