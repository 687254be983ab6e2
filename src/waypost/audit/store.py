"""Writing and reading audit events. Each organization has one chain: every hash covers the one before."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from waypost.access import Caller
from waypost.db.database import Tx, metadata
from waypost.ids import new_id

Status = Literal["successful", "refused", "attempted"]

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("environment_id", sa.String(36)),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("client_id", sa.String(255), nullable=False),
    sa.Column("request_ip", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("route", sa.Text, nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("organization_id", "number"),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

audit_anchor = sa.Table(
    "audit_anchor",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""The last event that a chain has lost to its term: the first one kept follows it."""

# Made once: putting a statement together takes longer than running it.
_HEAD = sa.select(audit_head).where(audit_head.c.organization_id == sa.bindparam("wanted")).with_for_update()
_MOVE_HEAD = audit_head.update().where(audit_head.c.organization_id == sa.bindparam("changed"))
_APPEND = audit_event.insert()

FORGOTTEN = "audit-events-purged"
SLACK_MS = 24 * 3600 * 1000
A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events to list; None and the empty tuple leave a thing open. Times in ms."""

    user_id: int | None = None
    start: int | None = None
    stop: int | None = None
    status: str | None = None
    types: tuple[str, ...] = ()


def record(
    tx: Tx,
    caller: Caller,
    type_: str,
    *,
    organization_id: int,
    now_ms: int,
    environment_id: str | None = None,
    details: Mapping[str, Any] | None = None,
    status: Status = "successful",
) -> str:
    """Append one event to the organization's chain, in the transaction of the act itself; its id.

    `details` holds no secret and no message content: the caller says "changed" for a secret.
    """
    head = tx.execute(_HEAD, {"wanted": organization_id}).one_or_none()
    event = {
        "id": new_id(),
        "organization_id": organization_id,
        "number": (head.number if head else 0) + 1,
        "environment_id": environment_id,
        "user_id": caller.user_id,
        "client_id": caller.principal.client_id,
        "request_ip": caller.ip,
        "request_id": caller.request_id,
        "route": caller.route,
        "type": type_,
        "status": status,
        "details": json.dumps(dict(details or {}), separators=(",", ":"), sort_keys=True, default=str),
        "created_at": now_ms,
        "previous_hash": head.hash if head else "",
    }
    event["hash"] = chain_hash(event)
    tx.execute(_APPEND, event)
    moved = {"number": event["number"], "hash": event["hash"]}
    if head is None:
        tx.execute(audit_head.insert().values(organization_id=organization_id, **moved))
    else:
        tx.execute(_MOVE_HEAD, {"changed": organization_id, **moved})
    return str(event["id"])


def chain_hash(event: Mapping[str, Any]) -> str:
    """SHA-256 over every column but the hash itself, hex."""
    covered = {name: value for name, value in event.items() if name != "hash"}
    return hashlib.sha256(json.dumps(covered, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def forget(tx: Tx, caller: Caller, organization_id: int, before_ms: int, *, limit: int, now_ms: int) -> int:
    """Remove some of the oldest events, all older than that; how many. The chain begins behind them from then on.

    An event in the chain itself says where it was cut, so that the anchor cannot be moved alone. Nothing goes
    until a whole day can, or every event that runs out would make a new one.
    """
    c = audit_event.c
    mine = c.organization_id == organization_id
    query = sa.select(c.number, c.hash, c.created_at).where(mine)
    oldest = tx.execute(query.order_by(c.number).limit(limit)).all()
    if not oldest or oldest[0].created_at >= before_ms - SLACK_MS:
        return 0
    gone = list(itertools.takewhile(lambda row: row.created_at < before_ms, oldest))
    last = gone[-1]
    tx.execute(audit_event.delete().where(mine, c.number <= last.number))
    tx.execute(audit_anchor.delete().where(audit_anchor.c.organization_id == organization_id))
    tx.execute(audit_anchor.insert().values(organization_id=organization_id, number=last.number, hash=last.hash))
    details = {"through": last.number, "hash": last.hash, "events": len(gone)}
    record(tx, caller, FORGOTTEN, organization_id=organization_id, details=details, now_ms=now_ms)
    return len(gone)


def broken_link(tx: Tx, organization_id: int) -> int | None:
    """The number of the first event that does not fit the chain; None when all of it that is kept holds."""
    anchor = _row_of(tx, audit_anchor, organization_id)
    number, previous = anchor or (0, "")
    said: tuple[int, str] | None = None
    for row in _chain(tx, organization_id):
        number += 1
        if row["number"] != number or row["previous_hash"] != previous or row["hash"] != chain_hash(dict(row)):
            return number
        previous = row["hash"]
        if row["type"] == FORGOTTEN:
            details = json.loads(row["details"])
            said = (details["through"], details["hash"])
    if anchor is not None and said != anchor:
        return anchor[0]
    head = _row_of(tx, audit_head, organization_id)
    return number + 1 if head is not None and head != (number, previous) else None


def _row_of(tx: Tx, table: sa.Table, organization_id: int) -> tuple[int, str] | None:
    """Number and hash of a chain's anchor or head."""
    query = sa.select(table.c.number, table.c.hash).where(table.c.organization_id == organization_id)
    row = tx.execute(query).one_or_none()
    return None if row is None else (row.number, row.hash)


def _chain(tx: Tx, organization_id: int) -> Iterator[sa.RowMapping]:
    """All events that are kept, in order, page by page. One that lies before the anchor comes first."""
    c = audit_event.c
    query = sa.select(audit_event).where(c.organization_id == organization_id).order_by(c.number).limit(A_PAGE)
    rows = tx.execute(query).mappings().all()
    while rows:
        yield from rows
        rows = tx.execute(query.where(c.number > rows[-1]["number"])).mappings().all()


def page(tx: Tx, organization_id: int, wanted: EventQuery, *, offset: int, count: int) -> list[sa.RowMapping]:
    """One page of events, newest first."""
    query = sa.select(audit_event).where(*_matching(organization_id, wanted))
    return list(tx.execute(query.order_by(audit_event.c.number.desc()).offset(offset).limit(count)).mappings())


def total(tx: Tx, organization_id: int, wanted: EventQuery) -> int:
    """How many events match."""
    query = sa.select(sa.func.count()).select_from(audit_event)
    return tx.scalar(query.where(*_matching(organization_id, wanted))) or 0


def _matching(organization_id: int, wanted: EventQuery) -> list[sa.ColumnElement[bool]]:
    c = audit_event.c
    found = [c.organization_id == organization_id]
    found += [
        column == value
        for column, value in ((c.user_id, wanted.user_id), (c.status, wanted.status))
        if value is not None
    ]
    if wanted.start is not None:
        found.append(c.created_at >= wanted.start)
    if wanted.stop is not None:
        found.append(c.created_at <= wanted.stop)
    if wanted.types:
        found.append(c.type.in_(wanted.types))
    return found
