"""Rows of replays of many, and the statements that find what they cover.

A replay covers what had ended when it began, and for each destination only up to the newest such log: what
it makes itself lies behind that, so it ends.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.logs import store as logs
from waypost.logs.search import MetadataSearch
from waypost.logs.store import log
from waypost.queues.store import message
from waypost.replays.model import Part, ReplayOfMany, ReplayState
from waypost.subscriptions.store import subscription

replay = sa.Table(
    "replay",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("filter", sa.Text, nullable=False),
    sa.Column("found", sa.BigInteger, nullable=False),
    sa.Column("replayed", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index(None, "environment_id", "state"),
)

replay_part = sa.Table(
    "replay_part",
    metadata,
    sa.Column("replay_id", sa.String(36), primary_key=True),
    sa.Column("destination_id", sa.String(36), primary_key=True),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


Reached = tuple[int, int]
"""How far a replay has come: it moves with every page."""


def shares(tx: Tx, environment_id: str, wanted: MetadataSearch, now_ms: int) -> list[tuple[Part, int]]:
    """What there is to replay: for each destination its span, without a replay's id, and how many logs."""
    c = log.c
    query = (
        sa.select(c.destination_id, sa.func.min(c.seq), sa.func.max(c.seq), sa.func.count())
        .join(subscription, subscription.c.id == c.subscription_id)
        .where(*_covered(environment_id, wanted, now_ms))
        .group_by(c.destination_id)
        .order_by(c.destination_id)
    )
    return [(Part("", row[0], row[1] - 1, row[2]), row[3]) for row in tx.execute(query)]


def running(tx: Tx, environment_id: str) -> int:
    """How many replays of the environment are not done."""
    query = sa.select(sa.func.count()).select_from(replay)
    found = query.where(replay.c.environment_id == environment_id, replay.c.state == ReplayState.running)
    return tx.scalar(found) or 0


def insert(tx: Tx, made: ReplayOfMany, parts: Sequence[Part]) -> None:
    """A new replay with its destinations."""
    tx.execute(
        replay.insert().values(
            id=made.id,
            environment_id=made.environment_id,
            state=made.state,
            filter=json.dumps(made.filter),
            found=made.count,
            replayed=made.replayed,
            created_at=made.created_at,
            ended_at=made.ended_at,
        )
    )
    for part in parts:
        tx.execute(
            replay_part.insert().values(
                replay_id=made.id, destination_id=part.destination_id, cursor=part.cursor, last=part.last
            )
        )


def get(tx: Tx, replay_id: str) -> ReplayOfMany | None:
    """How far a replay has come."""
    row = tx.execute(sa.select(replay).where(replay.c.id == replay_id)).one_or_none()
    return None if row is None else _progress(row)


def standing(tx: Tx) -> dict[str, Reached]:
    """Where each replay that is not done stands, oldest first."""
    c = replay.c
    query = (
        sa.select(c.id, c.replayed, sa.func.coalesce(sa.func.sum(replay_part.c.cursor), 0))
        .outerjoin(replay_part, replay_part.c.replay_id == c.id)
        .where(c.state == ReplayState.running)
        .group_by(c.id, c.replayed, c.created_at)
        .order_by(c.created_at, c.id)
    )
    return {row[0]: (row[1], int(row[2])) for row in tx.execute(query)}


def next_part(tx: Tx, replay_id: str) -> Part | None:
    """The first destination that is not through; None when all are."""
    c = replay_part.c
    query = sa.select(replay_part).where(c.replay_id == replay_id, c.cursor < c.last)
    row = tx.execute(query.order_by(c.destination_id).limit(1)).one_or_none()
    return None if row is None else Part(row.replay_id, row.destination_id, row.cursor, row.last)


def covered(tx: Tx, of: ReplayOfMany, part: Part, limit: int) -> list[sa.Row[Any]]:
    """The next logs of a part, in sequence order."""
    c = log.c
    wanted = MetadataSearch.model_validate(of.filter)
    query = (
        sa.select(c.id, c.seq, c.subscription_id, c.message_id)
        .join(subscription, subscription.c.id == c.subscription_id)
        .join(message, message.c.id == c.message_id)
        .where(*_covered(of.environment_id, wanted, of.created_at))
        .where(c.destination_id == part.destination_id, c.seq > part.cursor, c.seq <= part.last)
        .order_by(c.seq)
        .limit(limit)
    )
    return list(tx.execute(query))


def still(tx: Tx, log_ids: Sequence[str]) -> set[str]:
    """Those of the logs that retention has not removed meanwhile; where a log is, its message is."""
    return set(tx.scalars(sa.select(log.c.id).where(log.c.id.in_(log_ids))))


def move(tx: Tx, part: Part, cursor: int) -> bool:
    """Move a part's cursor; False when somebody else has moved it meanwhile."""
    c = replay_part.c
    here = (c.replay_id == part.replay_id, c.destination_id == part.destination_id, c.cursor == part.cursor)
    return tx.execute(replay_part.update().where(*here).values(cursor=cursor)).rowcount == 1


def add(tx: Tx, replay_id: str, replayed: int) -> None:
    """Count what was put into queues."""
    tx.execute(replay.update().where(replay.c.id == replay_id).values(replayed=replay.c.replayed + replayed))


def finish(tx: Tx, replay_id: str, now_ms: int) -> None:
    """The replay is done; its parts are needed no more."""
    tx.execute(replay_part.delete().where(replay_part.c.replay_id == replay_id))
    still = (replay.c.id == replay_id, replay.c.state == ReplayState.running)
    tx.execute(replay.update().where(*still).values(state=ReplayState.done, ended_at=now_ms))


def _covered(environment_id: str, wanted: MetadataSearch, until_ms: int) -> list[sa.ColumnElement[bool]]:
    """What a search finds of the logs that had ended by then and whose subscription is there."""
    if wanted.finds_nothing:
        return [sa.false()]
    found = logs.matching(environment_id, wanted.filters())
    return [*found, log.c.ended_at <= until_ms, subscription.c.deleted_at.is_(None)]


def _progress(row: sa.Row[Any]) -> ReplayOfMany:
    return ReplayOfMany(
        id=row.id,
        environment_id=row.environment_id,
        state=ReplayState(row.state),
        filter=json.loads(row.filter),
        count=row.found,
        replayed=row.replayed,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
