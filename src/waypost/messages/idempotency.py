"""`Idempotency-Key` (ours): the same key within a day gives the same answer, and no second message."""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.errors import Conflict

KEPT_MS = 24 * 3600 * 1000

idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    sa.Column("environment_id", sa.String(36), primary_key=True),
    sa.Column("key_digest", sa.String(64), primary_key=True),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class Once:
    """A key with what it was sent for; digests only, so that neither can be read back."""

    environment_id: str
    key_digest: str
    body_digest: str
    now_ms: int


def find(tx: Tx, once: Once) -> dict[str, Any] | None:
    """The answer given before; None for a new key. Raises Conflict when it came with another message."""
    row = tx.execute(
        sa.select(idempotency_key).where(
            idempotency_key.c.environment_id == once.environment_id,
            idempotency_key.c.key_digest == once.key_digest,
            idempotency_key.c.expires_at > once.now_ms,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.body_digest != once.body_digest:
        raise Conflict("This Idempotency-Key was used for another message.", code="idempotency_key_reused")
    answer: dict[str, Any] = json.loads(row.answer)
    return answer


def insert(tx: Tx, once: Once, answer: dict[str, Any]) -> None:
    """Remember the answer to a new key, and forget keys whose day is over."""
    tx.execute(idempotency_key.delete().where(idempotency_key.c.expires_at <= once.now_ms))
    tx.execute(
        idempotency_key.insert().values(
            environment_id=once.environment_id,
            key_digest=once.key_digest,
            body_digest=once.body_digest,
            answer=json.dumps(answer),
            expires_at=once.now_ms + KEPT_MS,
        )
    )
