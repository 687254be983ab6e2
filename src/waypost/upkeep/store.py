"""Rows that retention finds and removes. The work of each is bounded; who removes takes a turn (`db.write`)."""

from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.environments.store import environment
from waypost.logs.store import attempt, log
from waypost.messages.idempotency import idempotency_key
from waypost.queues import purged
from waypost.queues.store import entry, message
from waypost.replays.store import replay
from waypost.sessions.store import invitation, session, sign_in_step
from waypost.sessions.throttle import throttle
from waypost.tokens.store import refresh_token, token_assertion

Position = tuple[int, str]
"""Where a walk stands: a log's time of acceptance, in ms, and its id."""

EXPIRING = (token_assertion, refresh_token, idempotency_key, session, sign_in_step, invitation, throttle)
"""Tables whose rows mean nothing once their `expires_at` is over."""


def environments(tx: Tx) -> list[str]:
    """Every environment's id."""
    return list(tx.scalars(sa.select(environment.c.id).order_by(environment.c.id)))


def page(tx: Tx, environment_id: str, after: Position, before_ms: int, limit: int) -> list[sa.Row[Any]]:
    """The next logs accepted by then, oldest first, with the bytes of their bodies; some may still wait.

    An index on the end would cost every delivery an update; acceptance, which comes before it, has one.
    """
    c = log.c
    query = (
        sa.select(c.id, c.accepted_at, c.ended_at, c.attempts, sa.func.length(message.c.body).label("bytes"))
        .outerjoin(message, message.c.id == c.message_id)
        .where(c.environment_id == environment_id, c.accepted_at >= after[0], c.accepted_at <= before_ms)
        .where(sa.tuple_(c.accepted_at, c.id) > sa.tuple_(*map(sa.literal, after)))
        .order_by(c.accepted_at, c.id)
        .limit(limit)
    )
    return list(tx.execute(query))


def remove(tx: Tx, log_ids: list[str], before_ms: int) -> dict[str, int]:
    """Remove those of the logs that had ended by then, with all that hangs on them; rows removed, by table.

    A message goes with the last of its logs. What was removed is counted in the same transaction.
    """
    c = log.c
    ended = log.delete().where(c.id.in_(log_ids), c.ended_at <= before_ms)
    gone = tx.execute(
        ended.returning(c.id, c.message_id, c.subscription_id, c.seq, c.state, c.replay_of, c.queues)
    ).all()
    if not gone:
        return {}
    places = [(queue_id, row.seq) for row in gone for queue_id in (row.queues or row.subscription_id).split()]
    entries = entry.delete().where(sa.tuple_(entry.c.queue_id, entry.c.seq).in_(places))
    attempts = attempt.delete().where(attempt.c.log_id.in_([row.id for row in gone]))
    left = sa.select(c.id).where(c.message_id == message.c.id).correlate(message)
    ids = sorted({row.message_id for row in gone})
    messages = message.delete().where(message.c.id.in_(ids), ~left.exists())
    purged.count(tx, gone)
    return {
        "log": len(gone),
        "entry": tx.execute(entries).rowcount,
        "attempt": tx.execute(attempts).rowcount,
        "message": tx.execute(messages).rowcount,
    }


def has_old_attempts(tx: Tx, log_id: str, before_ms: int) -> bool:
    """Whether `trim` would remove anything."""
    return tx.scalar(_old_attempts(log_id, before_ms).limit(1)) is not None


def trim(tx: Tx, log_id: str, before_ms: int, limit: int) -> int:
    """Remove some attempts that had ended by then, and are not the log's newest; how many."""
    old = _old_attempts(log_id, before_ms).order_by(attempt.c.started_at).limit(limit)
    return tx.execute(attempt.delete().where(attempt.c.id.in_(old))).rowcount


def remove_expired(tx: Tx, table: sa.Table, now_ms: int, limit: int) -> int:
    """Remove some rows of an EXPIRING table; how many."""
    return _remove_some(tx, table, table.c.expires_at < now_ms, limit)


def remove_replays(tx: Tx, before_ms: int, limit: int) -> int:
    """Remove some replays of many that had ended by then; how many. The logs they made are not touched."""
    return _remove_some(tx, replay, replay.c.ended_at <= before_ms, limit)


def _old_attempts(log_id: str, before_ms: int) -> sa.Select[tuple[str]]:
    c = attempt.c
    newest = sa.select(sa.func.max(c.started_at)).where(c.log_id == log_id).scalar_subquery()
    mine = (c.log_id == log_id, c.started_at <= before_ms, c.ended_at <= before_ms)
    return sa.select(c.id).where(*mine, c.started_at < newest)


def _remove_some(tx: Tx, table: sa.Table, which: sa.ColumnElement[bool], limit: int) -> int:
    keys = sa.tuple_(*table.primary_key.columns)
    some = sa.select(*table.primary_key.columns).where(which).limit(limit)
    return tx.execute(table.delete().where(keys.in_(some))).rowcount
