"""Rows of what a node asks of the one that owns a queue, since that alone knows what is on its way.

An errand is carried out once: who does it writes down its outcome in the same transaction; who asked takes it
back, or finds the outcome. Times are the database's.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.access import Caller, EnvironmentRole, User
from waypost.db.database import Tx, metadata

OLD_MS = 60_000
DONE: dict[str, str] = {}
"""The outcome of what went well; anything else is `code` and `detail` of why not."""

errand = sa.Table(
    "errand",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("queue_id", sa.String(36), nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text),
)


@dataclass(frozen=True, slots=True)
class Errand:
    """To skip the head of a queue for a caller who may."""

    id: str
    shard: int
    queue_id: str
    caller: Caller
    body: dict[str, Any]


def ask(tx: Tx, wanted: Errand, environment_id: str, now_ms: int) -> None:
    """Write it down for the owner. Those that nobody came back for go."""
    tx.execute(errand.delete().where(errand.c.asked_at < now_ms - OLD_MS))
    user, caller = wanted.caller.principal, wanted.caller
    who = {
        "id": caller.user_id, "client": user.client_id, "ip": caller.ip, "request": caller.request_id,
        "route": caller.route, "environment": environment_id,
    }  # fmt: skip
    tx.execute(
        errand.insert().values(
            id=wanted.id,
            shard=wanted.shard,
            queue_id=wanted.queue_id,
            caller=json.dumps(who),
            body=json.dumps(wanted.body),
            asked_at=now_ms,
        )
    )


def open_(tx: Tx, shards: Collection[int], since_ms: int) -> list[Errand]:
    """What is asked of the owner of these shards, not longer ago than that."""
    c = errand.c
    wanted = (c.outcome.is_(None), c.asked_at >= since_ms, c.shard.in_(list(shards)))
    rows = tx.execute(sa.select(errand).where(*wanted).order_by(c.asked_at, c.id))
    return [Errand(row.id, row.shard, row.queue_id, _caller(row.caller), json.loads(row.body)) for row in rows]


def finish(tx: Tx, errand_id: str, outcome: dict[str, str]) -> bool:
    """Write down the outcome; False when whoever asked has taken it back."""
    still = (errand.c.id == errand_id, errand.c.outcome.is_(None))
    return tx.execute(errand.update().where(*still).values(outcome=json.dumps(outcome))).rowcount == 1


def outcome(tx: Tx, errand_id: str) -> dict[str, str] | None:
    """What came of it so far."""
    found = tx.scalar(sa.select(errand.c.outcome).where(errand.c.id == errand_id))
    return None if found is None else dict(json.loads(found))


def take_back(tx: Tx, errand_id: str) -> dict[str, str] | None:
    """End it: the outcome, or None when it was not carried out and never will be."""
    row = tx.execute(errand.delete().where(errand.c.id == errand_id).returning(errand.c.outcome)).one_or_none()
    return None if row is None or row.outcome is None else dict(json.loads(row.outcome))


def _caller(written: str) -> Caller:
    """Who asked, with the role that was found there: it was checked by the node that was asked."""
    who = json.loads(written)
    user = User(who["id"], who["client"], {}, {who["environment"]: EnvironmentRole.engineer})
    return Caller(user, who["ip"], who["request"], who["route"])
