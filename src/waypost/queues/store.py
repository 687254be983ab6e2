"""Rows of the queues, and their quiet statements: making, listing, ending. The hot ones are behind `port.py`."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.logs.store import LogState, log
from waypost.queues.model import EVERY, Only, QueueState, QueueView, shard_of

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("source_id", sa.String(36), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("meta_start", sa.Integer, nullable=False),
    sa.Column("meta_end", sa.Integer, nullable=False),
    sa.Column("accepted_at", sa.BigInteger, nullable=False),
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("queue_id", sa.String(36), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("log_id", sa.String(36), nullable=False),
    sqlite_with_rowid=False,
)

destination_seq = sa.Table(
    "destination_seq",
    metadata,
    sa.Column("destination_id", sa.String(36), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

queue_tail = sa.Table(
    "queue_tail",
    metadata,
    sa.Column("queue_id", sa.String(36), primary_key=True),
    sa.Column("destination_id", sa.String(36), nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),  # every log that was put in, replays too
    sa.Column("replayed", sa.BigInteger, nullable=False, server_default="0"),  # those of them that are replays
    sa.Column("joined", sa.BigInteger, nullable=False, server_default="0"),  # entries of logs counted elsewhere
    sqlite_with_rowid=False,
)

queue_head = sa.Table(
    "queue_head",
    metadata,
    sa.Column("queue_id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("subscription_id", sa.String(36), nullable=False),
    sa.Column("destination_id", sa.String(36), nullable=False),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.Column("last_status", sa.Integer),
    sa.Column("held_since", sa.BigInteger),
    sa.Column("destination_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("credential_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("delivered", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("filtered", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("skipped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("parked", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("joined", sa.BigInteger, nullable=False, server_default="0"),  # ended, counted elsewhere
    sa.Column("since", sa.BigInteger),  # of a child: it waits for what has at most this seq; NULL: no child
    sa.Column("refused", sa.Integer, nullable=False, server_default="0"),  # answers that count towards parking
    sa.Index(
        "ix_queue_head_child", "state", "queue_id",
        sqlite_where=sa.text("since IS NOT NULL"), postgresql_where=sa.text("since IS NOT NULL"),
    ),
    sa.Index(
        "ix_queue_head_due", "due_at", "shard",
        sqlite_where=sa.text("due_at IS NOT NULL"), postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(None, "destination_id", "state"),
    sa.Index(None, "environment_id", "state"),
    sa.Index(None, "subscription_id"),
)  # fmt: skip

_ended = queue_head.c.delivered + queue_head.c.filtered + queue_head.c.skipped + queue_head.c.parked
_pending = queue_tail.c.accepted - _ended
depth = (_pending + queue_tail.c.joined - queue_head.c.joined).label("depth")
"""How many entries wait in a queue; those of a message in several queues are counted in each."""


def bring_near(tx: Tx, shards: Collection[int], now_ms: int, longest_ms: int) -> None:
    """Let no queue of these shards wait longer than that: what says so was written by a clock that was wrong."""
    due, ready = queue_head.c.due_at, queue_head.c.state == QueueState.ready
    late = sa.or_(due > now_ms + longest_ms, sa.and_(ready, due > now_ms))
    near = sa.case((ready, now_ms), else_=now_ms + longest_ms)
    tx.execute(queue_head.update().where(queue_head.c.shard.in_(list(shards)), late).values(due_at=near))


def open_queue(tx: Tx, *, environment_id: str, subscription_id: str, destination_id: str) -> None:
    """The rows of a new subscription's queue, whose id is the subscription's; and the destination's counter."""
    counted = sa.select(destination_seq.c.last).where(destination_seq.c.destination_id == destination_id)
    if tx.scalar(counted) is None:
        tx.execute(destination_seq.insert().values(destination_id=destination_id, last=0))
    tx.execute(
        queue_tail.insert().values(queue_id=subscription_id, destination_id=destination_id, last_seq=0, accepted=0)
    )
    tx.execute(
        queue_head.insert().values(
            queue_id=subscription_id,
            environment_id=environment_id,
            subscription_id=subscription_id,
            destination_id=destination_id,
            shard=shard_of(destination_id),
            cursor=0,
            state=QueueState.idle,
        )
    )


def close_queue(tx: Tx, subscription_id: str, now_ms: int) -> None:
    """Keep the rows of a deleted subscription's queue for the ledger; nothing is sent from it any more."""
    tx.execute(
        queue_head.update()
        .where(queue_head.c.subscription_id == subscription_id)
        .values(closed_at=now_ms, state=QueueState.idle, due_at=None)
    )


def lock(tx: Tx, queue_ids: Sequence[str]) -> None:
    """Let nothing be accepted into these queues or settled in them until this transaction ends.

    Tails before heads, in id order, as everybody takes them. Means nothing on a store with one writer.
    """
    for table in (queue_tail, queue_head):
        rows = sa.select(table.c.queue_id).where(table.c.queue_id.in_(queue_ids))
        tx.execute(rows.order_by(table.c.queue_id).with_for_update())


def pending(tx: Tx, subscription_id: str) -> int:
    """How many logs wait in a subscription's queues; none joins or leaves them before the transaction ends."""
    mine = sa.select(queue_head.c.queue_id).where(queue_head.c.subscription_id == subscription_id)
    lock(tx, tx.scalars(mine).all())
    query = sa.select(sa.func.coalesce(sa.func.sum(_pending), 0)).select_from(
        queue_head.join(queue_tail, queue_head.c.queue_id == queue_tail.c.queue_id)
    )
    return int(tx.scalar(query.where(queue_head.c.subscription_id == subscription_id)) or 0)


def counted_in(queue_id: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether that is the queue that counts a log: the first of those that it is in."""
    return sa.or_(log.c.queues.is_(None), log.c.queues.startswith(queue_id))


def count_of(tx: Tx, destination_id: str) -> int:
    """The destination's last sequence number; nothing is accepted for it before the transaction ends."""
    mine = destination_seq.c.destination_id == destination_id
    return tx.scalar(sa.select(destination_seq.c.last).where(mine).with_for_update()) or 0


def skip_all(tx: Tx, subscription_id: str, now_ms: int, reason: str) -> int:
    """End every pending log of a subscription as skipped, bodies kept; how many there were."""
    skipped = 0
    queues = sa.select(queue_head.c.queue_id, queue_head.c.cursor, queue_tail.c.last_seq)
    both = queues.join(queue_tail, queue_head.c.queue_id == queue_tail.c.queue_id)
    for queue in tx.execute(both.where(queue_head.c.subscription_id == subscription_id)).all():
        waiting = sa.and_(entry.c.queue_id == queue.queue_id, entry.c.seq > queue.cursor)
        ended = tx.execute(
            log.update()
            .where(log.c.id.in_(sa.select(entry.c.log_id).where(waiting)), counted_in(queue.queue_id))
            .where(log.c.state == LogState.pending)
            .values(state=LogState.skipped, ended_at=now_ms, updated_at=now_ms, end_reason=reason)
        ).rowcount
        entries = tx.scalar(sa.select(sa.func.count()).select_from(entry).where(waiting)) or 0
        tx.execute(
            queue_head.update()
            .where(queue_head.c.queue_id == queue.queue_id)
            .values(
                cursor=queue.last_seq,
                state=QueueState.idle,
                due_at=None,
                attempts=0,
                reason=None,
                held_since=None,
                skipped=queue_head.c.skipped + ended,
                joined=queue_head.c.joined + entries - ended,
            )
        )
        skipped += ended
    return skipped


def stale_destinations(tx: Tx, shards: Collection[int]) -> list[str]:
    """Destinations of these shards with held queues that have not met the newest destination or credential.

    For a worker that comes to own them, and after changes that were made on another node.
    """
    query = sa.text("""
        SELECT DISTINCT h.destination_id FROM queue_head h
        JOIN destination d ON d.id = h.destination_id
        LEFT JOIN credential c ON c.id = d.credential_id
        WHERE h.state = 'held' AND h.shard IN :shards
          AND (h.destination_version <> d.version OR h.credential_version <> coalesce(c.version, 0))
    """).bindparams(sa.bindparam("shards", expanding=True))
    return list(tx.scalars(query, {"shards": list(shards)}))


_view = (
    sa.select(
        queue_head,
        depth,
        entry.c.log_id.label("head_log_id"),
        log.c.accepted_at.label("oldest"),
        log.c.attempts.label("tried"),
    )
    .join(queue_tail, queue_head.c.queue_id == queue_tail.c.queue_id)
    .outerjoin(
        entry,
        sa.and_(
            entry.c.queue_id == queue_head.c.queue_id,
            entry.c.seq
            == sa.select(sa.func.min(entry.c.seq).label("seq"))
            .where(entry.c.queue_id == queue_head.c.queue_id, entry.c.seq > queue_head.c.cursor)
            .correlate(queue_head)
            .scalar_subquery(),
        ),
    )
    .outerjoin(log, log.c.id == entry.c.log_id)
    .where(queue_head.c.closed_at.is_(None))
)

_RANKS = {QueueState.held: 0, QueueState.waiting: 0, QueueState.paused: 1, QueueState.ready: 2}
_NEVER = 2**62
_rank = sa.case({state.value: rank for state, rank in _RANKS.items()}, value=queue_head.c.state, else_=3)


def get(tx: Tx, queue_id: str) -> QueueView | None:
    """One queue as the API shows it."""
    row = tx.execute(_view.where(queue_head.c.queue_id == queue_id)).one_or_none()
    return None if row is None else _queue_view(row)


def around(tx: Tx, queue_id: str, count: int) -> tuple[list[str], list[str]]:
    """Log ids of what waits next in a queue, in its order, and of what left it last, newest first."""
    cursor = sa.select(queue_head.c.cursor).where(queue_head.c.queue_id == queue_id).scalar_subquery()
    mine = sa.select(entry.c.log_id).where(entry.c.queue_id == queue_id)
    waiting = mine.where(entry.c.seq > cursor).order_by(entry.c.seq).limit(count)
    over = mine.where(entry.c.seq <= cursor).order_by(entry.c.seq.desc()).limit(count)
    return list(tx.scalars(waiting)), list(tx.scalars(over))


def page(
    tx: Tx, environment_id: str, *, after: tuple[int, str] | None, count: int, only: Only = EVERY
) -> list[tuple[tuple[int, str], QueueView]]:
    """Queues with their positions, held ones first; one more than `count` when there are more."""
    query = _view.add_columns(_rank.label("rank")).where(queue_head.c.environment_id == environment_id)
    if only.states:
        query = query.where(queue_head.c.state.in_(only.states))
    if only.destination_id is not None:
        query = query.where(queue_head.c.destination_id == only.destination_id)
    if only.subscription_id is not None:
        query = query.where(queue_head.c.subscription_id == only.subscription_id)
    if after is not None:
        query = query.where(sa.tuple_(_rank, queue_head.c.queue_id) > sa.tuple_(*map(sa.literal, after)))
    rows = tx.execute(query.order_by(_rank, queue_head.c.queue_id).limit(count + 1))
    return [((row.rank, row.queue_id), _queue_view(row)) for row in rows]


def of_destination(tx: Tx, destination_id: str, *, count: int) -> list[QueueView]:
    """A destination's queues, held ones first, the one held longest before the others; so many at most.

    Chosen by their heads alone: looking at what waits in each of thousands would be slow.
    """
    mine = sa.select(queue_head.c.queue_id).where(
        queue_head.c.destination_id == destination_id, queue_head.c.closed_at.is_(None)
    )
    order = (_rank, sa.func.coalesce(queue_head.c.held_since, _NEVER), queue_head.c.queue_id)
    ids = tx.scalars(mine.order_by(*order).limit(count)).all()
    return [_queue_view(row) for row in tx.execute(_view.where(queue_head.c.queue_id.in_(ids)).order_by(*order))]


def _queue_view(row: sa.Row[Any]) -> QueueView:
    return QueueView(
        queue_id=row.queue_id,
        environment_id=row.environment_id,
        subscription_id=row.subscription_id,
        destination_id=row.destination_id,
        state=QueueState(row.state),
        reason=row.reason,
        last_status=row.last_status,
        held_since=row.held_since,
        depth=row.depth,
        oldest_accepted_at=row.oldest,
        head_log_id=row.head_log_id,
        attempts=row.tried or 0,
        next_attempt_at=row.due_at,
    )
