"""Rows of logs and attempts. The engine writes them (`queues/sqlite.py`); here they are declared and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.destinations.store import destination
from waypost.sources.store import source


class LogState(StrEnum):
    """Where a log stands; every state but `pending` is terminal."""

    pending = "pending"
    delivered = "delivered"
    filtered = "filtered"
    skipped = "skipped"
    parked = "parked"


VENDOR_STATUS = {
    LogState.pending: "pending",
    LogState.delivered: "succeeded",
    LogState.filtered: "filtered",
    LogState.skipped: "failed",
    LogState.parked: "failed",
}
"""The vendor's four status words; `failed` there means that it is not tried again."""

MANY = 20_000
"""So many logs of one destination are sorted in a moment."""

log = sa.Table(
    "log",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("message_id", sa.String(36), nullable=False),
    sa.Column("source_id", sa.String(36), nullable=False),
    sa.Column("destination_id", sa.String(36), nullable=False),
    sa.Column("subscription_id", sa.String(36), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("replay_of", sa.String(36)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("data_model", sa.String(64), nullable=False),
    sa.Column("event_type", sa.String(128), nullable=False),
    sa.Column("facility_code", sa.String(128)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("accepted_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("end_reason", sa.Text),
    sa.Column("queues", sa.Text),  # its child queues, a space between; NULL: the subscription's own
    sa.Index(None, "environment_id", "accepted_at"),
    sa.Index(None, "destination_id", "seq", unique=True),
    sa.Index(None, "message_id"),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("log_id", sa.String(36), nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("answer", sa.LargeBinary),
    sa.Index(None, "log_id", "started_at"),
)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What to look for; None leaves a thing open. Times in ms, inclusive."""

    data_model_key: str | None = None
    event_type: str | None = None
    source_id: str | None = None
    destination_id: str | None = None
    facility_code: str | None = None
    states: tuple[LogState, ...] = ()
    created_after: int | None = None
    created_before: int | None = None
    updated_after: int | None = None
    updated_before: int | None = None


def get(tx: Tx, log_id: str) -> sa.Row[Any] | None:
    """The log's row."""
    return tx.execute(sa.select(log).where(log.c.id == log_id)).one_or_none()


def listed(tx: Tx, log_ids: Sequence[str]) -> list[sa.Row[Any]]:
    """The rows of these logs, in any order; unknown ids have none."""
    return list(tx.execute(sa.select(log).where(log.c.id.in_(log_ids))))


def latest_attempts(tx: Tx, log_ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """The newest attempt of each of these logs that has one."""
    newest = (
        sa.select(attempt.c.log_id, sa.func.max(attempt.c.started_at).label("started_at"))
        .where(attempt.c.log_id.in_(log_ids))
        .group_by(attempt.c.log_id)
        .subquery()
    )
    rows = tx.execute(
        sa.select(attempt)
        .join(
            newest,
            sa.and_(attempt.c.log_id == newest.c.log_id, attempt.c.started_at == newest.c.started_at),
        )
        .order_by(attempt.c.ended_at)  # of two that began in the same millisecond, the later one
    )
    return {row.log_id: row for row in rows}


def attempts_of(tx: Tx, log_id: str, *, before: tuple[int, str] | None, count: int) -> list[sa.Row[Any]]:
    """A log's attempts newest first, older than the position `before`; one more than `count` if there are more."""
    query = sa.select(attempt).where(attempt.c.log_id == log_id)
    if before is not None:
        query = query.where(sa.tuple_(attempt.c.started_at, attempt.c.id) < sa.tuple_(*map(sa.literal, before)))
    return list(tx.execute(query.order_by(attempt.c.started_at.desc(), attempt.c.id.desc()).limit(count + 1)))


def page(
    tx: Tx,
    environment_id: str,
    wanted: LogQuery,
    *,
    before: tuple[int, str] | None,
    count: int,
    many: int = MANY,
) -> list[sa.Row[Any]]:
    """Logs newest first, older than the position `before`; one more than `count` when there are more.

    Those of a destination that has `many` are looked for by time among all others: sorting them would take longer.
    """
    c = log.c
    is_time_first = _count_of(tx, wanted.destination_id) > many
    query = sa.select(log).where(*matching(environment_id, wanted, is_time_first=is_time_first))
    if before is not None:
        query = query.where(sa.tuple_(c.accepted_at, c.id) < sa.tuple_(*map(sa.literal, before)))
    return list(tx.execute(query.order_by(c.accepted_at.desc(), c.id.desc()).limit(count + 1)))


def behind(tx: Tx, destination_id: str, *, after: int, count: int) -> list[sa.Row[Any]]:
    """A destination's logs behind a sequence number, in order; one more than `count` when there are more.

    Numbers are committed in their order (invariant 1): once N is read here, nothing up to N comes later.
    """
    query = sa.select(log).where(log.c.destination_id == destination_id, log.c.seq > after)
    return list(tx.execute(query.order_by(log.c.seq).limit(count + 1)))


def matching(
    environment_id: str, wanted: LogQuery, *, is_time_first: bool = False
) -> list[sa.ColumnElement[bool]]:
    """The conditions on logs of an environment that a search makes.

    `is_time_first` has the store walk through the environment by time, and not by the index of the destination.
    """
    c = log.c
    destination_id = sa.func.coalesce(c.destination_id, "") if is_time_first else c.destination_id
    found = [c.environment_id == environment_id]
    found += [
        column == value
        for column, value in (
            (c.event_type, wanted.event_type),
            (c.source_id, wanted.source_id),
            (destination_id, wanted.destination_id),
            (c.facility_code, wanted.facility_code),
        )
        if value is not None
    ]
    if wanted.data_model_key is not None:
        found.append(sa.func.replace(sa.func.lower(c.data_model), " ", "") == wanted.data_model_key)
    if wanted.states:
        found.append(c.state.in_(wanted.states))
    for column, low, high in (
        (c.accepted_at, wanted.created_after, wanted.created_before),
        (c.updated_at, wanted.updated_after, wanted.updated_before),
    ):
        if low is not None:
            found.append(column >= low)
        if high is not None:
            found.append(column <= high)
    return found


def _count_of(tx: Tx, destination_id: str | None) -> int:
    """How many logs a destination has had at most; naught without one."""
    mine = sa.select(sa.func.max(log.c.seq)).where(log.c.destination_id == destination_id)
    return 0 if destination_id is None else tx.scalar(mine) or 0


def names(tx: Tx, source_ids: set[str], destination_ids: set[str]) -> dict[str, str]:
    """Names by id of sources and destinations, deleted ones too."""
    found: dict[str, str] = {}
    for table, ids in ((source, source_ids), (destination, destination_ids)):
        found |= {
            row.id: row.name for row in tx.execute(sa.select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
        }
    return found
