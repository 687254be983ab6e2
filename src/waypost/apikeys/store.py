"""Rows of API keys. A deleted key keeps its row, so that audit events can still name it, and is never found."""

from dataclasses import asdict
from typing import Any

import msgspec
import sqlalchemy as sa

from waypost.apikeys.model import ApiKey, LegacyKey
from waypost.db.database import Tx, metadata
from waypost.environments.store import Flag, environment

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("jwks_url", sa.Text),
    sa.Column("jwk_set", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Index(None, "environment_id", "created_at"),
)

legacy_key = sa.Table(
    "legacy_key",
    metadata,
    sa.Column("key", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Index(None, "environment_id"),
)

_LIVE = sa.select(api_key, environment.c.flag).join(environment).where(api_key.c.deleted_at.is_(None))


def get(tx: Tx, apikey_id: str) -> ApiKey | None:
    """The live OAuth key with this client id."""
    row = tx.execute(_LIVE.where(api_key.c.id == apikey_id)).one_or_none()
    return None if row is None else _api_key(row)


def list_of(tx: Tx, environment_id: str) -> list[ApiKey]:
    """The environment's live OAuth keys, oldest first."""
    query = _LIVE.where(api_key.c.environment_id == environment_id)
    return [_api_key(row) for row in tx.execute(query.order_by(api_key.c.created_at, api_key.c.id))]


def insert(tx: Tx, made: ApiKey, now_ms: int) -> None:
    """A new OAuth key."""
    tx.execute(
        api_key.insert().values(
            id=made.id, environment_id=made.environment_id, created_at=now_ms, **_changeable(made)
        )
    )


def update(tx: Tx, changed: ApiKey) -> None:
    """The OAuth key as it is now."""
    tx.execute(api_key.update().where(api_key.c.id == changed.id).values(_changeable(changed)))


def delete(tx: Tx, apikey_id: str, now_ms: int) -> None:
    """Revoke an OAuth key for good."""
    tx.execute(api_key.update().where(api_key.c.id == apikey_id).values(deleted_at=now_ms))


def get_legacy(tx: Tx, key: str) -> LegacyKey | None:
    """The live legacy key."""
    query = sa.select(legacy_key).where(legacy_key.c.key == key, legacy_key.c.deleted_at.is_(None))
    row = tx.execute(query).one_or_none()
    return None if row is None else LegacyKey(row.key, row.environment_id, row.name, row.secret_hash)


def insert_legacy(tx: Tx, made: LegacyKey, now_ms: int) -> None:
    """A new legacy key."""
    tx.execute(legacy_key.insert().values(created_at=now_ms, **asdict(made)))


def _changeable(key: ApiKey) -> dict[str, Any]:
    jwk_set = None if key.jwk_set is None else msgspec.json.encode(key.jwk_set).decode()
    return {"name": key.name, "jwks_url": key.jwks_url, "jwk_set": jwk_set}


def _api_key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        environment_id=row.environment_id,
        flag=Flag(row.flag),
        name=row.name,
        jwks_url=row.jwks_url,
        jwk_set=None if row.jwk_set is None else msgspec.json.decode(row.jwk_set),
    )
