"""Rows of what makes tokens safe: spent assertions, the signing secret, and refresh tokens (digests only)."""

from dataclasses import dataclass

import sqlalchemy as sa

from waypost.db.database import Tx, metadata

token_assertion = sa.Table(
    "token_assertion",
    metadata,
    sa.Column("client_id", sa.String(255), primary_key=True),
    sa.Column("jti_digest", sa.String(64), primary_key=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)

signing_secret = sa.Table(
    "signing_secret",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signing secret as it is kept."""

    id: str
    secret: bytes


def spend(tx: Tx, client_id: str, jti_digest: str, expires_at: int, now_ms: int) -> bool:
    """Use an assertion up; False when it was used before. Rows that can no longer matter go.

    On a store with many writers two may both find it unused: then the primary key refuses the second
    with IntegrityError.
    """
    c = token_assertion.c
    tx.execute(token_assertion.delete().where(c.expires_at < now_ms))
    used = sa.select(c.client_id).where(c.client_id == client_id, c.jti_digest == jti_digest)
    if tx.scalar(used) is not None:
        return False
    row = {"client_id": client_id, "jti_digest": jti_digest, "expires_at": expires_at}
    tx.execute(token_assertion.insert().values(row))
    return True


def secrets(tx: Tx) -> list[Sealed]:
    """Every signing secret, newest first."""
    c = signing_secret.c
    rows = tx.execute(sa.select(c.id, c.secret).order_by(c.created_at.desc(), c.id.desc()))
    return [Sealed(row.id, row.secret) for row in rows]


def secret(tx: Tx, secret_id: str) -> Sealed | None:
    """The signing secret with that id."""
    c = signing_secret.c
    row = tx.execute(sa.select(c.id, c.secret).where(c.id == secret_id)).one_or_none()
    return Sealed(row.id, row.secret) if row else None


def insert_secret(tx: Tx, sealed: Sealed, now_ms: int) -> None:
    """A new signing secret."""
    tx.execute(signing_secret.insert().values(id=sealed.id, secret=sealed.secret, created_at=now_ms))


def insert_refresh(tx: Tx, digest: str, key: str, expires_at: int, now_ms: int) -> None:
    """A new refresh token of that key; expired ones go."""
    tx.execute(refresh_token.delete().where(refresh_token.c.expires_at < now_ms))
    tx.execute(refresh_token.insert().values(digest=digest, key=key, expires_at=expires_at))


def take_refresh(tx: Tx, digest: str, key: str, now_ms: int) -> bool:
    """Use a refresh token up; False when that key has no such token, or it has expired."""
    c = refresh_token.c
    gone = tx.execute(refresh_token.delete().where(c.digest == digest, c.key == key, c.expires_at >= now_ms))
    return gone.rowcount == 1
