"""What should be told, read off the queues' rows: held too long, drained, without a key; and the node's disk.

Everything here reads what is, not what happened: a look that did not take place, a node that died, lose nothing.

Child queues are told of by their subscription, all in one: a destination that is gone holds one for each patient.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from waypost.clock import iso
from waypost.db.database import Tx
from waypost.destinations.store import destination
from waypost.notifications import outbox, store
from waypost.notifications.notice import NoticeKind, Raised, key_of
from waypost.notifications.outbox import notice
from waypost.notifications.store import notification
from waypost.queues.model import QueueState
from waypost.queues.store import depth, queue_head, queue_tail
from waypost.vault.keyring import MISSING

MOST_A_LOOK = 200

_head, _tail = queue_head.c, queue_tail.c
_CHILDREN = "children "
_is_child = _head.since.is_not(None)
_open_key = (
    sa.literal(f"{NoticeKind.held.value} ", sa.String)
    + sa.case((_is_child, _CHILDREN), else_="")
    + sa.case((_is_child, _head.subscription_id), else_=_head.queue_id)
)
_overdue = (
    sa.select(queue_head, destination.c.name, depth)
    .join(notification, notification.c.environment_id == _head.environment_id)
    .join(queue_tail, _tail.queue_id == _head.queue_id)
    .join(destination, destination.c.id == _head.destination_id)
    .outerjoin(notice, notice.c.open_key == _open_key)
    .where(store.tells, _head.state == QueueState.held, _head.closed_at.is_(None), notice.c.id.is_(None))
)
_together = sa.select(  # of a subscription's child queues
    _head.subscription_id,
    sa.func.count(_head.held_since),
    sa.func.min(sa.case((_tail.last_seq > _head.cursor, _head.cursor))),
    sa.func.max(_tail.last_seq),
).join(queue_tail, _tail.queue_id == _head.queue_id)
_told = (
    sa.select(
        notice, _tail.last_seq, _head.cursor, _head.held_since, _head.closed_at, _head.queue_id.label("there")
    )
    .outerjoin(queue_head, _head.queue_id == notice.c.queue_id)
    .outerjoin(queue_tail, _tail.queue_id == notice.c.queue_id)
    .where(notice.c.open_key.is_not(None), notice.c.kind == NoticeKind.held.value)
)
_keyless = (
    sa.select(_head.environment_id, sa.func.count(), sa.func.min(_head.reason))
    .join(notification, notification.c.environment_id == _head.environment_id)
    .where(
        store.tells, _head.state == QueueState.held, _head.closed_at.is_(None), _head.reason.like(f"{MISSING}%")
    )
    .group_by(_head.environment_id)
)


@dataclass(frozen=True, slots=True)
class DiskLook:
    """Whether the disk of a node is under its floor."""

    node: str
    is_low: bool


@dataclass(frozen=True, slots=True)
class ToldHold:
    """A queue whose hold was told: where its cursor and tail are; `mark` is where its tail was after the hold."""

    is_there: bool
    is_held: bool
    cursor: int = 0
    last_seq: int = 0
    mark: int | None = None


@dataclass(slots=True)
class News:
    """What a look found: what to tell, queues to mark, and troubles that are over, with what tells so."""

    raised: list[Raised] = field(default_factory=list)
    marks: list[tuple[str, int | None]] = field(default_factory=list)
    ended: list[tuple[str, Raised | None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.raised or self.marks or self.ended)


def after(queue: ToldHold) -> str | int | None:
    """What becomes of a told hold: "drained", "held" (again, or still), or the sequence number to wait for.

    A queue has drained when all that waited as it left its hold has ended; what arrived since does not count, or
    a busy queue would never drain. Pure.
    """
    if not queue.is_there:
        return "drained"
    if queue.is_held:
        return "held"
    wanted = queue.last_seq if queue.mark is None else queue.mark
    return "drained" if queue.cursor >= wanted else wanted


def look(tx: Tx, now_ms: int, disk: DiskLook) -> News:
    """Everything that is not as it was told."""
    found = News()
    found.raised += _held(tx, now_ms)
    _recovering(tx, found)
    _keys(tx, found)
    _disks(tx, found, disk)
    return found


def tell(tx: Tx, found: News, now_ms: int) -> list[NoticeKind]:
    """Write it down, to be sent; what was told anew."""
    told = [raised.kind for raised in found.raised if outbox.raise_(tx, raised, now_ms)]
    for notice_id, seq in found.marks:
        outbox.mark(tx, notice_id, seq)
    for notice_id, raised in found.ended:
        if outbox.end(tx, notice_id, now_ms) and raised is not None:
            outbox.raise_(tx, raised, now_ms)
            told.append(raised.kind)
    return told


def _held(tx: Tx, now_ms: int) -> Iterator[Raised]:
    """One notice a queue, and one a subscription with child queues, with how many of them are held."""
    overdue = _overdue.where(_head.held_since <= now_ms - notification.c.held_after_ms)
    own = overdue.where(sa.not_(_is_child))
    for row in tx.execute(own.order_by(_head.held_since).limit(MOST_A_LOOK)):
        yield _raised(row, key_of(NoticeKind.held, row.queue_id), row.queue_id, {"depth": row.depth})
    figures = (_head.subscription_id, sa.func.count().label("queues"), sa.func.sum(depth).label("depth"))
    children = overdue.where(_is_child)
    owners = children.with_only_columns(*figures).group_by(_head.subscription_id).limit(MOST_A_LOOK)
    for owner in tx.execute(owners).all():
        mine = children.where(_head.subscription_id == owner.subscription_id)
        first = tx.execute(mine.order_by(_head.held_since, _head.queue_id).limit(1)).one()
        key = key_of(NoticeKind.held, _CHILDREN + owner.subscription_id)
        yield _raised(first, key, owner.subscription_id, {"depth": int(owner.depth), "childQueues": owner.queues})


def _raised(row: Any, key: str, queue_id: str, figures: Mapping[str, int]) -> Raised:
    data = {
        "queueId": row.queue_id,
        "subscription": {"id": row.subscription_id},
        "destination": {"id": row.destination_id, "name": row.name},
        "reason": row.reason,
        "lastStatus": row.last_status,
        "heldSince": iso(row.held_since),
        **figures,
    }
    return Raised(row.environment_id, NoticeKind.held, data, key, queue_id, row.destination_id)


def _recovering(tx: Tx, found: News) -> None:
    told = tx.execute(_told).all()
    owners = {row.queue_id for row in told if _is_of_children(row)}
    query = _together.where(_is_child, _head.subscription_id.in_(owners)).group_by(_head.subscription_id)
    children = {row[0]: row for row in tx.execute(query)} if owners else {}
    for row in told:
        queue = ToldHold(False, False)
        if row.there is not None and row.closed_at is None:
            queue = ToldHold(True, row.held_since is not None, row.cursor, row.last_seq, row.mark)
            if _is_of_children(row):
                queue = _all_of(children.get(row.queue_id), row.mark)
        match after(queue):
            case "drained":
                found.ended.append((row.id, _drained(row)))
            case "held":
                found.marks += [(row.id, None)] if row.mark is not None else []
            case int(seq) if row.mark is None:
                found.marks.append((row.id, seq))


def _is_of_children(row: Any) -> bool:
    return str(row.open_key).startswith(key_of(NoticeKind.held, _CHILDREN))


def _all_of(children: Any, mark: int | None) -> ToldHold:
    """A subscription's child queues as if they were one, which stands where the last of them does."""
    if children is None:  # all are idle, and were taken away
        return ToldHold(True, False, mark=mark)
    _, held, cursor, last_seq = children
    return ToldHold(True, held > 0, last_seq if cursor is None else cursor, last_seq, mark)


def _drained(row: Any) -> Raised:
    said: Mapping[str, Any] = outbox.data_of(row)
    kept = ("queueId", "subscription", "destination", "heldSince", "childQueues")
    data = {name: said[name] for name in kept if name in said}
    data |= {} if row.closed_at is None else {"closed": True}  # an idle child queue just goes
    return Raised(
        row.environment_id,
        NoticeKind.drained,
        data | {"answers": row.id},
        queue_id=row.queue_id,
        destination_id=row.destination_id,
    )


def _keys(tx: Tx, found: News) -> None:
    """One notice an environment, however many queues wait for the key."""
    keyless = {row[0]: row for row in tx.execute(_keyless)}
    told = _open(tx, NoticeKind.key_unavailable)
    for environment_id, queues, reason in keyless.values():
        key = key_of(NoticeKind.key_unavailable, environment_id)
        if key not in told:
            data = {"queues": queues, "reason": reason}
            found.raised.append(Raised(environment_id, NoticeKind.key_unavailable, data, key))
    over = told.keys() - {key_of(NoticeKind.key_unavailable, environment_id) for environment_id in keyless}
    found.ended += [(told[key], None) for key in sorted(over)]


def _disks(tx: Tx, found: News, disk: DiskLook) -> None:
    """One notice an environment for each node: its disk is everybody's."""
    mine = f"{NoticeKind.disk_low.value} {disk.node} "
    told = {key: each for key, each in _open(tx, NoticeKind.disk_low).items() if key.startswith(mine)}
    if not disk.is_low:
        found.ended += [(each, None) for each in told.values()]
        return
    for environment_id in store.environments_told(tx):
        key = mine + environment_id
        if key not in told:
            found.raised.append(Raised(environment_id, NoticeKind.disk_low, {"node": disk.node}, key))


def _open(tx: Tx, kind: NoticeKind) -> dict[str, str]:
    """Lasting troubles of a kind: the notice by its key."""
    query = sa.select(notice.c.open_key, notice.c.id)
    rows = tx.execute(query.where(notice.c.open_key.is_not(None), notice.c.kind == kind.value))
    return {str(row.open_key): row.id for row in rows}
