"""Rows of notices, and of their deliveries: one for each channel, none of which waits for another.

A trouble that lasts has an `open_key`, which is unique: it is told once, over all nodes and restarts.
A delivery is claimed for a while by the database's clock; when its node dies, another sends it again, under the
same id. Within a channel notices go in the order in which they happened.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.environments.store import environment
from waypost.ids import new_id
from waypost.notifications import store
from waypost.notifications.model import Channel
from waypost.notifications.notice import Notice, NoticeKind, Raised

MOST_AT_ONCE = 20
KEPT_MS = 30 * 86_400_000
GIVEN_UP_AFTER_MS = 3 * 86_400_000

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("open_key", sa.String(160)),
    sa.Column("queue_id", sa.String(36)),
    sa.Column("destination_id", sa.String(36)),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column(
        "mark", sa.BigInteger
    ),  # the queue's tail when it left its hold: drained is when the cursor is there
    sa.Column("happened_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.UniqueConstraint("open_key"),
    sa.Index(None, "environment_id", "happened_at"),
    sa.Index(None, "happened_at"),
)

notice_delivery = sa.Table(
    "notice_delivery",
    metadata,
    sa.Column("notice_id", sa.String(36), primary_key=True),
    sa.Column("channel", sa.String(8), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("happened_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claim", sa.String(36)),
    sa.Column("claimed_until", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index(
        "ix_notice_delivery_pending", "environment_id", "channel", "happened_at",
        sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"),
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

PENDING, SENT, GIVEN_UP = "pending", "sent", "given up"
_d = notice_delivery.c
_is_pending = _d.state == sa.literal_column(f"'{PENDING}'")  # as the index says it


@dataclass(frozen=True, slots=True)
class Claimed:
    """Notices that this node may send now by one channel; `attempts` have failed before at the first of them."""

    claim: str
    channel: Channel
    notices: tuple[Notice, ...]
    attempts: int


def raise_(tx: Tx, raised: Raised, now_ms: int) -> bool:
    """Write a notice, to be sent by every channel of its environment; False when its trouble was told already."""
    if raised.open_key is not None:
        known = sa.select(notice.c.id).where(notice.c.open_key == raised.open_key)
        if tx.scalar(known) is not None:
            return False
    notice_id = new_id()
    tx.execute(
        notice.insert().values(
            id=notice_id,
            environment_id=raised.environment_id,
            kind=raised.kind.value,
            open_key=raised.open_key,
            queue_id=raised.queue_id,
            destination_id=raised.destination_id,
            data=json.dumps(dict(raised.data)),
            happened_at=now_ms,
        )
    )
    for channel in store.get(tx, raised.environment_id).channels:
        _deliver(tx, notice_id, raised.environment_id, channel, now_ms)
    return True


def _deliver(tx: Tx, notice_id: str, environment_id: str, channel: Channel, now_ms: int) -> None:
    """Have a notice sent by a channel, behind what waits there already."""
    ahead = sa.select(sa.func.max(_d.due_at)).where(_waits_in(environment_id, channel))
    tx.execute(
        notice_delivery.insert().values(
            notice_id=notice_id,
            channel=channel.value,
            environment_id=environment_id,
            state=PENDING,
            happened_at=now_ms,
            due_at=max(now_ms, tx.scalar(ahead) or 0),
        )
    )


def mark(tx: Tx, notice_id: str, seq: int | None) -> None:
    """Say where a queue's tail was when it left its hold; None: it is held again."""
    tx.execute(notice.update().where(notice.c.id == notice_id).values(mark=seq))


def end(tx: Tx, notice_id: str, now_ms: int) -> bool:
    """The trouble is over; False when somebody has said so before."""
    still = (notice.c.id == notice_id, notice.c.open_key.is_not(None))
    return tx.execute(notice.update().where(*still).values(open_key=None, ended_at=now_ms)).rowcount == 1


def due(tx: Tx, now_ms: int, lease_now_ms: int) -> list[tuple[str, Channel]]:
    """Environments and channels whose first waiting notice is due, and that no node is at."""
    first = sa.select(_d.environment_id, _d.channel, sa.func.min(_d.due_at), sa.func.max(_d.claimed_until))
    found = tx.execute(first.where(_is_pending).group_by(_d.environment_id, _d.channel))
    return [(row[0], Channel(row[1])) for row in found if row[2] <= now_ms and row[3] <= lease_now_ms]


def claim(
    tx: Tx, environment_id: str, channel: Channel, *, now_ms: int, lease_now_ms: int, lease_ms: int
) -> Claimed | None:
    """Take the next notices of a channel, in their order; None when the first is not due, or another node's."""
    query = (
        sa.select(notice, _d.due_at, _d.attempts, _d.claimed_until, environment.c.name, environment.c.flag)
        .join(notice_delivery, _d.notice_id == notice.c.id)
        .join(environment, environment.c.id == notice.c.environment_id)
        .where(_waits_in(environment_id, channel))
        .order_by(_d.happened_at, _d.notice_id)
        .limit(MOST_AT_ONCE)
    )
    rows = tx.execute(query).all()
    if not rows or rows[0].due_at > now_ms or any(row.claimed_until > lease_now_ms for row in rows):
        return None
    claimed = new_id()
    mine = (_d.channel == channel.value, _d.notice_id.in_([row.id for row in rows]))
    values = {"claim": claimed, "claimed_until": lease_now_ms + lease_ms}
    tx.execute(notice_delivery.update().where(*mine).values(values))
    return Claimed(claimed, channel, tuple(_notice(row) for row in rows), rows[0].attempts)


def sent(tx: Tx, claimed: Claimed, notices: Sequence[Notice], now_ms: int) -> None:
    """These were taken."""
    values = {"state": SENT, "ended_at": now_ms, "attempts": _d.attempts + 1, "reason": None, "claimed_until": 0}
    tx.execute(notice_delivery.update().where(_mine(claimed), _of(notices)).values(values))


def failed(tx: Tx, claimed: Claimed, notices: Sequence[Notice], *, reason: str, due_at: int) -> None:
    """These were not; they are tried again at `due_at`, and what stands behind them waits for that."""
    values = {"attempts": _d.attempts + 1, "reason": reason}
    tried = notice_delivery.update().where(_mine(claimed), _of(notices)).values(values)
    if tx.execute(tried).rowcount:
        here = _waits_in(notices[0].environment_id, claimed.channel)
        tx.execute(notice_delivery.update().where(here).values(due_at=due_at))


def release(tx: Tx, claimed: Claimed) -> None:
    """Give back what was claimed and not sent."""
    tx.execute(notice_delivery.update().where(_mine(claimed)).values(claim=None, claimed_until=0))


def release_all(tx: Tx) -> None:
    """Give back what a process claimed that is no more; for a store that no other node uses."""
    held = notice_delivery.update().where(_is_pending, _d.claimed_until > 0)
    tx.execute(held.values(claim=None, claimed_until=0))


def retarget(tx: Tx, environment_id: str, channels: Sequence[Channel], now_ms: int) -> None:
    """After a change: what waits is tried at once by the channels that are left, and given up by the others."""
    here = (_is_pending, _d.environment_id == environment_id)
    left = _d.channel.in_([channel.value for channel in channels])
    tx.execute(notice_delivery.update().where(*here, left).values(due_at=now_ms, attempts=0))
    gone = notice_delivery.update().where(*here, sa.not_(left))
    tx.execute(gone.values(state=GIVEN_UP, ended_at=now_ms, reason="The channel was taken away."))


def tidy(tx: Tx, now_ms: int) -> None:
    """Give up what could not be sent for three days; forget what is a month old and over."""
    late = notice_delivery.update().where(_is_pending, _d.happened_at < now_ms - GIVEN_UP_AFTER_MS)
    tx.execute(late.values(state=GIVEN_UP, ended_at=now_ms))
    over = sa.or_(notice.c.open_key.is_(None), notice.c.kind == NoticeKind.disk_low.value)
    old = sa.select(notice.c.id).where(notice.c.happened_at < now_ms - KEPT_MS, over)
    tx.execute(notice_delivery.delete().where(_d.notice_id.in_(old)))
    tx.execute(notice.delete().where(notice.c.happened_at < now_ms - KEPT_MS, over))


def page(tx: Tx, environment_id: str, count: int) -> list[tuple[sa.Row[Any], list[sa.Row[Any]]]]:
    """The environment's newest notices, each with its deliveries."""
    query = sa.select(notice).where(notice.c.environment_id == environment_id)
    rows = tx.execute(query.order_by(notice.c.happened_at.desc(), notice.c.id.desc()).limit(count)).all()
    found = sa.select(notice_delivery).where(_d.notice_id.in_([row.id for row in rows])).order_by(_d.channel)
    deliveries = tx.execute(found).all()
    return [(row, [each for each in deliveries if each.notice_id == row.id]) for row in rows]


def waiting(tx: Tx) -> dict[tuple[str, str], int]:
    """How many notices wait to be sent, by environment and channel."""
    query = sa.select(_d.environment_id, _d.channel, sa.func.count()).where(_is_pending)
    return {(row[0], row[1]): row[2] for row in tx.execute(query.group_by(_d.environment_id, _d.channel))}


def data_of(row: Any) -> Mapping[str, Any]:
    """What a notice's row says."""
    found: dict[str, Any] = json.loads(row.data)
    return found


def _waits_in(environment_id: str, channel: Channel) -> sa.ColumnElement[bool]:
    return sa.and_(_is_pending, _d.environment_id == environment_id, _d.channel == channel.value)


def _mine(claimed: Claimed) -> sa.ColumnElement[bool]:
    return sa.and_(_is_pending, _d.claim == claimed.claim)


def _of(notices: Sequence[Notice]) -> sa.ColumnElement[bool]:
    return _d.notice_id.in_([each.id for each in notices])


def _notice(row: sa.Row[Any]) -> Notice:
    return Notice(
        row.id, row.environment_id, row.name, row.flag, NoticeKind(row.kind), row.happened_at, data_of(row)
    )
