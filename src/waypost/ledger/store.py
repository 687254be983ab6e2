"""The queues' counters summed up. `queues/recount.py` counts the same again from rows."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.queues.store import queue_head, queue_tail

_ENDS = ("delivered", "filtered", "skipped", "parked")


@dataclass(frozen=True, slots=True)
class Counts:
    """In logs; `accepted` leaves the replays out. What has not ended is pending."""

    accepted: int
    replayed: int
    delivered: int
    filtered: int
    skipped: int
    parked: int

    @property
    def pending(self) -> int:
        """What waits, so that both sides of the ledger are equal."""
        return self.accepted + self.replayed - self.delivered - self.filtered - self.skipped - self.parked


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One subscription's share, of all its queues; `closed_at` when it was deleted."""

    subscription_id: str
    destination_id: str
    closed_at: int | None
    counts: Counts


def _sum(column: sa.ColumnElement[int], name: str) -> sa.Label[int]:
    return sa.func.coalesce(sa.func.sum(column), 0).label(name)


_sums = (
    _sum(queue_tail.c.accepted - queue_tail.c.replayed, "accepted"),
    _sum(queue_tail.c.replayed, "replayed"),
    *(_sum(queue_head.c[name], name) for name in _ENDS),
)
_joined = queue_head.join(queue_tail, queue_head.c.queue_id == queue_tail.c.queue_id)


def total(tx: Tx, environment_id: str) -> Counts:
    """The environment's counts, closed queues and all."""
    query = sa.select(*_sums).select_from(_joined).where(queue_head.c.environment_id == environment_id)
    return _counts(tx.execute(query).one())


def totals(tx: Tx) -> dict[str, Counts]:
    """The counts of every environment that has a queue, by its id."""
    c = queue_head.c
    rows = tx.execute(sa.select(c.environment_id, *_sums).select_from(_joined).group_by(c.environment_id))
    return {row.environment_id: _counts(row) for row in rows}


def page(tx: Tx, environment_id: str, *, after: str, count: int) -> list[LedgerLine]:
    """The lines of subscriptions behind that id, in order of ids; one more than `count` when there are more."""
    c = queue_head.c
    query = (
        sa.select(c.subscription_id, c.destination_id, sa.func.max(c.closed_at).label("closed_at"), *_sums)
        .select_from(_joined)
        .where(c.environment_id == environment_id, c.subscription_id > after)
        .group_by(c.subscription_id, c.destination_id)
        .order_by(c.subscription_id)
        .limit(count + 1)
    )
    return [
        LedgerLine(row.subscription_id, row.destination_id, row.closed_at, _counts(row))
        for row in tx.execute(query)
    ]


def _counts(row: Any) -> Counts:
    """PostgreSQL sums big integers up to decimals."""
    return Counts(*(int(getattr(row, name)) for name in ("accepted", "replayed", *_ENDS)))
