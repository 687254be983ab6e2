"""The message that waits longest in an environment.

Looking at the head of each of 20,000 queues takes most of a tenth of a second, so whoever asks again says what was
found before: it is the oldest until it has ended, and what is the oldest then was accepted after it.
"""

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.logs.store import LogState, log
from waypost.queues.model import QueueState
from waypost.queues.store import entry, queue_head

AMONG = 2_000

_head = queue_head.c
_waits = (
    _head.state.in_([state for state in QueueState if state is not QueueState.idle]),
    _head.closed_at.is_(None),
)
_first = (
    sa.select(log.c.accepted_at)
    .join(entry, entry.c.log_id == log.c.id)
    .where(entry.c.queue_id == _head.queue_id, entry.c.seq > _head.cursor)
    .order_by(entry.c.seq)
    .limit(1)
    .correlate(queue_head)
    .scalar_subquery()
)
"""When a queue's head was accepted. Not a join: PostgreSQL would read every entry there is for it."""


def of_environments(tx: Tx) -> dict[str, int]:
    """When it was accepted, in ms, for each environment in which something waits."""
    at = sa.func.min(_first)
    rows = tx.execute(sa.select(_head.environment_id, at).where(*_waits).group_by(_head.environment_id))
    return {environment_id: at for environment_id, at in rows if at is not None}


def of_environment(tx: Tx, environment_id: str, known: int | None = None, *, among: int = AMONG) -> int | None:
    """The same for one; None when nothing waits.

    `known` is what was found before: so many logs from there on are looked at before all heads are.
    """
    found = None if known is None else _from(tx, environment_id, known, among)
    if found is None:
        here = _head.environment_id == environment_id
        found = tx.scalar(sa.select(sa.func.min(_first)).where(here, *_waits))
    return found


def _from(tx: Tx, environment_id: str, known: int, among: int) -> int | None:
    c = log.c
    near = (
        sa.select(c.accepted_at, c.state)
        .where(c.environment_id == environment_id, c.accepted_at >= known)
        .order_by(c.accepted_at)
        .limit(among)
        .subquery()
    )
    is_waiting = near.c.state == LogState.pending
    return tx.scalar(sa.select(near.c.accepted_at).where(is_waiting).order_by(near.c.accepted_at).limit(1))
