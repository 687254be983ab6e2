"""Rows of subscriptions. A deleted one keeps its row, so that logs can still name it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.destinations.store import destination
from waypost.environments.store import Flag, environment
from waypost.errors import NotFound
from waypost.sources.store import source
from waypost.subscriptions.model import OrderBy, Subscription, SubscriptionQuery, model_key

subscription = sa.Table(
    "subscription",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("source_id", sa.String(36), sa.ForeignKey("source.id"), nullable=False),
    sa.Column("destination_id", sa.String(36), sa.ForeignKey("destination.id"), nullable=False),
    sa.Column("data_model", sa.String(64), nullable=False),
    sa.Column("data_model_key", sa.String(64), nullable=False),
    sa.Column("child_queues", sa.Text),
    sa.Column("park", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),  # moves when childQueues changes
    sa.Column("since", sa.BigInteger, nullable=False, server_default="0"),  # the last seq of the generation before
    sa.Column("child_key", sa.LargeBinary),  # sealed; what child queue ids are made with
    sa.Index(None, "environment_id", "created_at", "id"),
    sa.Index(None, "destination_id"),
    sa.Index(
        "uq_subscription_live", "source_id", "destination_id", "data_model_key",
        unique=True, sqlite_where=sa.text("deleted_at IS NULL"), postgresql_where=sa.text("deleted_at IS NULL"),
    ),
)  # fmt: skip

_LIVE = (
    sa.select(subscription, environment.c.flag)
    .join(environment, environment.c.id == subscription.c.environment_id)
    .join(source, source.c.id == subscription.c.source_id)
    .join(destination, destination.c.id == subscription.c.destination_id)
    .where(subscription.c.deleted_at.is_(None))
)

_ORDER: Mapping[OrderBy, sa.ColumnElement[Any]] = {
    "createdAt": subscription.c.created_at,
    "dataModel": subscription.c.data_model_key,
    "sourceName": sa.func.lower(source.c.name),
    "destinationName": sa.func.lower(destination.c.name),
}

_BY_NAME = frozenset({"sourceName", "destinationName"})
"""The orders for which the ends of every subscription must be looked up."""


def get(tx: Tx, subscription_id: str) -> Subscription:
    """The live subscription. Raises NotFound."""
    row = tx.execute(_LIVE.where(subscription.c.id == subscription_id)).one_or_none()
    if row is None:
        raise NotFound("subscription")
    return _subscription(row)


def routes(tx: Tx, environment_id: str) -> list[Subscription]:
    """The environment's live subscriptions, oldest first: what its messages are routed by."""
    return _all(tx, subscription.c.environment_id == environment_id)


def listed(tx: Tx, subscription_ids: Collection[str]) -> dict[str, Subscription]:
    """These subscriptions, those that are live, by their ids."""
    return {found.id: found for found in _all(tx, subscription.c.id.in_(subscription_ids))}


def count_of(tx: Tx, environment_id: str) -> int:
    """How many subscriptions the environment has."""
    c = subscription.c
    query = sa.select(sa.func.count()).where(c.environment_id == environment_id, c.deleted_at.is_(None))
    return tx.scalar(query) or 0


def of_source(tx: Tx, source_id: str) -> list[Subscription]:
    """The live subscriptions of a source, oldest first."""
    return _all(tx, subscription.c.source_id == source_id)


def of_destination(tx: Tx, destination_id: str) -> list[Subscription]:
    """The live subscriptions of a destination, oldest first."""
    return _all(tx, subscription.c.destination_id == destination_id)


def exists(tx: Tx, source_id: str, destination_id: str, data_model: str) -> bool:
    """Whether a live subscription already joins these two for this data model, however it is spelt."""
    query = _LIVE.where(
        subscription.c.source_id == source_id,
        subscription.c.destination_id == destination_id,
        subscription.c.data_model_key == model_key(data_model),
    )
    return tx.execute(query).first() is not None


def between(tx: Tx, source_id: str, destination_id: str, data_model: str) -> Subscription | None:
    """The live subscription that joins these two for this data model, however it is spelt."""
    key = model_key(data_model)
    found = (one for one in of_source(tx, source_id) if one.destination_id == destination_id and one.key == key)
    return next(found, None)


def page(
    tx: Tx, environment_id: str, wanted: SubscriptionQuery, *, offset: int, count: int
) -> tuple[list[Subscription], int]:
    """One page of the environment's live subscriptions, and how many fit the search in all."""
    mine = (subscription.c.environment_id == environment_id, subscription.c.deleted_at.is_(None))
    ids = sa.select(subscription.c.id).where(*mine, *_conditions(wanted))
    if wanted.term is not None or wanted.order_by in _BY_NAME:
        ids = ids.join(source).join(destination)
    total = tx.scalar(ids.with_only_columns(sa.func.count())) or 0
    by = _ORDER[wanted.order_by]
    order = (by, subscription.c.id) if wanted.ascending else (by.desc(), subscription.c.id.desc())
    chosen = tx.scalars(ids.order_by(*order).offset(offset).limit(count)).all()
    found = listed(tx, chosen)
    return [found[each] for each in chosen], total


def insert(tx: Tx, made: Subscription, now_ms: int) -> None:
    """A new subscription. The store itself refuses a second live one for the same three."""
    tx.execute(
        subscription.insert().values(
            id=made.id,
            environment_id=made.environment_id,
            source_id=made.source_id,
            destination_id=made.destination_id,
            data_model=made.data_model,
            data_model_key=made.key,
            child_queues=_encoded(made.child_queues),
            park=_encoded(made.park),
            created_at=now_ms,
        )
    )


def update(tx: Tx, changed: Subscription) -> None:
    """Write what can change of a subscription."""
    tx.execute(
        subscription.update()
        .where(subscription.c.id == changed.id)
        .values(
            child_queues=_encoded(changed.child_queues),
            park=_encoded(changed.park),
            generation=changed.generation,
            since=changed.since,
            child_key=changed.child_key,
        )
    )


def delete(tx: Tx, subscription_id: str, now_ms: int) -> None:
    """Take a subscription away: nothing is routed by it any more."""
    tx.execute(subscription.update().where(subscription.c.id == subscription_id).values(deleted_at=now_ms))


def _all(tx: Tx, condition: sa.ColumnElement[bool]) -> list[Subscription]:
    rows = tx.execute(_LIVE.where(condition).order_by(subscription.c.created_at, subscription.c.id))
    return [_subscription(row) for row in rows]


def _conditions(wanted: SubscriptionQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.source_id is not None:
        found.append(subscription.c.source_id == wanted.source_id)
    if wanted.destination_id is not None:
        found.append(subscription.c.destination_id == wanted.destination_id)
    if wanted.data_model is not None:
        found.append(subscription.c.data_model_key == model_key(wanted.data_model))
    if wanted.term is not None:
        found.append(_names(wanted.term))
    return found


def _names(term: str) -> sa.ColumnElement[bool]:
    """Whether an end's id or name holds the term, in any case (as far as the store knows letters)."""
    escaped = term.replace("/", "//").replace("%", "/%").replace("_", "/_")
    pattern = sa.func.lower(f"%{escaped}%")
    named = (source.c.id, source.c.name, destination.c.id, destination.c.name)
    return sa.or_(*(sa.func.lower(column).like(pattern, escape="/") for column in named))


def _encoded(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _decoded(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)


def _subscription(row: sa.Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        environment_id=row.environment_id,
        flag=Flag(row.flag),
        source_id=row.source_id,
        destination_id=row.destination_id,
        data_model=row.data_model,
        child_queues=_decoded(row.child_queues),
        park=_decoded(row.park),
        generation=row.generation,
        since=row.since,
        child_key=row.child_key,
    )
