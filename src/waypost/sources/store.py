"""Rows of sources. A deleted source keeps its row, so that logs can still name it."""

import json
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.environments.store import Flag, environment
from waypost.errors import NotFound
from waypost.sources.model import Source

source = sa.Table(
    "source",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("service_region", sa.String(32)),
    sa.Column("data_format", sa.String(16)),
    sa.Column("ehr", sa.String(255)),
    sa.Column("time_zone", sa.String(64)),
    sa.Column("setup", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "environment_id", "created_at"),
)

_LIVE = sa.select(source, environment.c.flag).join(environment).where(source.c.deleted_at.is_(None))


def get(tx: Tx, source_id: str) -> Source:
    """The live source. Raises NotFound."""
    row = tx.execute(_LIVE.where(source.c.id == source_id)).one_or_none()
    if row is None:
        raise NotFound("source")
    return _source(row)


def list_of(tx: Tx, environment_id: str) -> list[Source]:
    """The environment's live sources, oldest first."""
    query = _LIVE.where(source.c.environment_id == environment_id)
    return [_source(row) for row in tx.execute(query.order_by(source.c.created_at, source.c.id))]


def test_source(tx: Tx, environment_id: str) -> Source | None:
    """The environment's test source, if it has one by now."""
    return next((found for found in list_of(tx, environment_id) if found.is_test), None)


def insert(tx: Tx, made: Source, now_ms: int) -> None:
    """A new source."""
    tx.execute(source.insert().values(created_at=now_ms, **_columns(made)))


def update(tx: Tx, changed: Source) -> None:
    """The source as it is now."""
    tx.execute(source.update().where(source.c.id == changed.id).values(_columns(changed)))


def delete(tx: Tx, source_id: str, now_ms: int) -> None:
    """Take a source away."""
    tx.execute(source.update().where(source.c.id == source_id).values(deleted_at=now_ms))


def _columns(made: Source) -> dict[str, Any]:
    values = asdict(made)
    del values["flag"]
    setup = values.pop("setup_state")
    return {**values, "setup": None if setup is None else json.dumps(setup)}


def _source(row: sa.Row[Any]) -> Source:
    return Source(
        id=row.id,
        environment_id=row.environment_id,
        flag=Flag(row.flag),
        name=row.name,
        service_region=row.service_region,
        data_format=row.data_format,
        ehr=row.ehr,
        time_zone=row.time_zone,
        setup_state=None if row.setup is None else json.loads(row.setup),
        is_test=row.is_test,
    )
