"""Rows of quotas: one for each environment that has any, so that there is nothing to read where none is set."""

from collections.abc import Callable
from dataclasses import asdict

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.errors import Conflict
from waypost.quotas.model import NONE, Quotas

environment_quota = sa.Table(
    "environment_quota",
    metadata,
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), primary_key=True),
    sa.Column("messages_per_second", sa.BigInteger),
    sa.Column("pending_logs", sa.BigInteger),
    sa.Column("destinations", sa.BigInteger),
    sa.Column("subscriptions", sa.BigInteger),
)
_c = environment_quota.c


def of(tx: Tx, environment_id: str) -> Quotas:
    """The environment's quotas."""
    row = tx.execute(sa.select(environment_quota).where(_c.environment_id == environment_id)).one_or_none()
    return NONE if row is None else _quotas(row)


def every(tx: Tx) -> dict[str, Quotas]:
    """The quotas of each environment that has any, by its id."""
    rows = tx.execute(sa.select(environment_quota).order_by(_c.environment_id))
    return {row.environment_id: _quotas(row) for row in rows}


def put(tx: Tx, environment_id: str, quotas: Quotas) -> None:
    """Keep the environment's quotas."""
    tx.execute(environment_quota.delete().where(_c.environment_id == environment_id))
    if quotas != NONE:
        tx.execute(environment_quota.insert().values(environment_id=environment_id, **asdict(quotas)))


def require(tx: Tx, environment_id: str, noun: str, count: Callable[[Tx, str], int]) -> None:
    """Raise Conflict where the environment may have no more destinations, or subscriptions, than it has.

    Changes of the control plane come one after the other, so that no two of them take the last place.
    """
    most: int | None = getattr(of(tx, environment_id), noun)
    if most is not None and count(tx, environment_id) >= most:
        raise Conflict(f"This environment may have {most} {noun}.", code="quota_reached")


def _quotas(row: sa.Row[tuple[object, ...]]) -> Quotas:
    return Quotas(row.messages_per_second, row.pending_logs, row.destinations, row.subscriptions)
