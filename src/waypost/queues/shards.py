"""Rows of who delivers what: shards, each leased to one worker, and the workers that live.

Leases go by the database's clock. Every look runs while it holds one row (`LOOKING`), so that two workers never
decide at the same moment; an epoch that moves with each new owner fences off what older ones still say.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from waypost.db.database import Beside, Tx, metadata
from waypost.queues.model import SHARDS

LOOKING = Beside("lease", (("shard", 0),), in_order=True)

shard = sa.Table(
    "shard",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("lease_end", sa.BigInteger, nullable=False),
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("lease_end", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Owned:
    """What a worker owns after a look: epochs by shard. `surplus` is more than its share, to be given back."""

    epochs: dict[int, int]
    surplus: frozenset[int]


def look(
    tx: Tx, worker_id: str, now_ms: int, *, lease_ms: int, back: Collection[int] = (), alone: bool = False
) -> Owned:
    """Renew what the worker owns, give `back` some of it, and take free shards up to its share.

    `alone`: no other process can be at work on this store, whatever its rows say. A lease that ends later than any
    does is of a clock that was set back, or of another server's.
    """
    _add_missing(tx)
    give_back(tx, worker_id, back)
    latest = now_ms + 2 * lease_ms
    live = _enlist(tx, worker_id, now_ms, now_ms + lease_ms, latest, alone=alone)
    rows = tx.execute(sa.select(shard).order_by(shard.c.id)).all()
    mine = {row.id: row.epoch for row in rows if row.owner == worker_id}
    share = -(-SHARDS // live)
    free = [
        row
        for row in rows
        if row.id not in mine and (alone or not row.owner or not now_ms < row.lease_end <= latest)
    ]
    for row in free[: max(0, share - len(mine))]:
        mine[row.id] = row.epoch + 1
        tx.execute(shard.update().where(shard.c.id == row.id).values(owner=worker_id, epoch=row.epoch + 1))
    tx.execute(shard.update().where(shard.c.owner == worker_id).values(lease_end=now_ms + lease_ms))
    return Owned(mine, frozenset(sorted(mine)[share:]))


def give_back(tx: Tx, worker_id: str, shards: Collection[int]) -> None:
    """Let others have these shards at once."""
    if shards:
        mine = shard.update().where(shard.c.id.in_(list(shards)), shard.c.owner == worker_id)
        tx.execute(mine.values(owner="", lease_end=0))


def leave(tx: Tx, worker_id: str) -> None:
    """Give everything back and live no more."""
    give_back(tx, worker_id, range(SHARDS))
    tx.execute(worker.delete().where(worker.c.id == worker_id))


def _add_missing(tx: Tx) -> None:
    known = set(tx.scalars(sa.select(shard.c.id)))
    for number in sorted(set(range(SHARDS)) - known):
        tx.execute(shard.insert().values(id=number, owner="", epoch=0, lease_end=0))


def _enlist(tx: Tx, worker_id: str, now_ms: int, lease_end: int, latest: int, *, alone: bool) -> int:
    """Count the workers that live, this one among them; the dead are forgotten."""
    dead = sa.true() if alone else sa.or_(worker.c.lease_end <= now_ms, worker.c.lease_end > latest)
    tx.execute(worker.delete().where(dead, worker.c.id != worker_id))
    renewed = tx.execute(worker.update().where(worker.c.id == worker_id).values(lease_end=lease_end))
    if not renewed.rowcount:
        tx.execute(worker.insert().values(id=worker_id, lease_end=lease_end))
    return tx.scalar(sa.select(sa.func.count()).select_from(worker)) or 1
