"""Rows of logs for people who look: so many are looked at in one call, and no more, whatever is searched for.

A search for something rare among a million logs would take a second and longer; here it takes several calls, each
as short as any other, and says how far it has come.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import LogQuery, LogState, attempt, log, matching

MOST = 20_000
MOST_RECENT = 1_000

Position = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, newest first; `following` is None once all were looked at.

    `back_to` is how far it looked, when the bound on a call has stopped it.
    """

    logs: list[sa.Row[Any]]
    following: Position | None
    back_to: int | None = None


def page(
    tx: Tx, environment_id: str, wanted: LogQuery, *, before: Position | None, count: int, most: int = MOST
) -> Look:
    """As `store.page`, among the next so many logs.

    The logs of one destination come in the order of their sequence, and their positions are numbers of it.
    """
    if wanted.destination_id is not None:
        return _of_destination(tx, environment_id, wanted, wanted.destination_id, before, count, most)
    c = log.c
    span = [c.environment_id == environment_id]
    if before is not None:
        span.append(sa.tuple_(c.accepted_at, c.id) < sa.tuple_(*map(sa.literal, before)))
        span.append(c.accepted_at <= before[0])  # for the planner
    if wanted.created_before is not None:
        span.append(c.accepted_at <= wanted.created_before)
    newest = c.accepted_at.desc()
    back_to = tx.scalar(sa.select(c.accepted_at).where(*span).order_by(newest).limit(1).offset(most))
    if back_to is not None and wanted.created_after is not None and back_to < wanted.created_after:
        back_to = None
    if back_to is not None:
        span.append(c.accepted_at >= back_to)
    query = sa.select(log).where(*span, *matching(environment_id, wanted))
    rows = list(tx.execute(query.order_by(newest, c.id.desc()).limit(count + 1)))
    if len(rows) > count:
        return Look(rows[:count], (rows[count - 1].accepted_at, rows[count - 1].id))
    return Look(rows, None if back_to is None else (back_to, ""), back_to)


def _of_destination(
    tx: Tx,
    environment_id: str,
    wanted: LogQuery,
    destination_id: str,
    before: Position | None,
    count: int,
    most: int,
) -> Look:
    c = log.c
    mine = c.destination_id == destination_id
    last = before[0] if before is not None else (tx.scalar(sa.select(sa.func.max(c.seq)).where(mine)) or 0) + 1
    bound = last - most
    query = sa.select(log).where(*matching(environment_id, wanted), c.seq < last, c.seq >= bound)
    rows = list(tx.execute(query.order_by(c.seq.desc()).limit(count + 1)))
    if len(rows) > count:
        return Look(rows[:count], (rows[count - 1].seq, ""))
    older = sa.select(c.accepted_at).where(mine, c.seq < bound).order_by(c.seq.desc()).limit(1)
    back_to = tx.scalar(older)
    return Look(rows, None if back_to is None else (bound, ""), back_to)


_last_failed = (
    sa.select(attempt.c.id)
    .where(attempt.c.log_id == log.c.id, attempt.c.outcome == "failed")
    .order_by(attempt.c.started_at.desc())
    .limit(1)
    .correlate(log)
    .scalar_subquery()
)
"""Of a log. Each has its own, as one that is held may have thousands."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt, and where its log was going."""

    log_id: str
    destination_id: str
    at: int
    status: int | None
    reason: str | None


def failures(
    tx: Tx, environment_id: str, *, count: int, also: Collection[str] = (), among: int = MOST_RECENT
) -> list[FailedAttempt]:
    """The newest failed attempt of each of an environment's newest logs that has one, and of these others.

    They are found by the logs, as an attempt does not say where it was made: another environment may have failed
    a million times since.
    """
    c = log.c
    is_tried = c.attempts > sa.case((c.state == LogState.delivered, 1), else_=0)
    tried = sa.select(c.environment_id, c.destination_id, sa.case((is_tried, _last_failed)).label("attempt_id"))
    recent = tried.where(c.environment_id == environment_id).order_by(c.accepted_at.desc()).limit(among)
    rows = [*tx.execute(recent), *tx.execute(tried.where(c.id.in_(also)))]
    to = {
        row.attempt_id: row.destination_id
        for row in rows
        if row.attempt_id is not None and row.environment_id == environment_id
    }
    newest = sa.select(attempt).where(attempt.c.id.in_(to)).order_by(attempt.c.started_at.desc(), attempt.c.id)
    return [
        FailedAttempt(row.log_id, to[row.id], row.ended_at, row.status, row.reason)
        for row in tx.execute(newest.limit(count))
    ]
