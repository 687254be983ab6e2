"""Rows of users and their keys, and the tables of their roles (`memberships.py` has the statements).

Users are numbered by the application, and a row stays when its user is removed: a number is never given to
a second person, so the audit trail keeps its meaning.
"""

import json
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.errors import NotFound
from waypost.users.model import PublicKeys, User, UserKey

app_user = sa.Table(
    "app_user",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("email", sa.String(254), nullable=False, unique=True),
    sa.Column("fullname", sa.String(255), nullable=False),
    sa.Column("last_login", sa.BigInteger),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

user_key = sa.Table(
    "user_key",
    metadata,
    sa.Column("client_id", sa.String(255), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("jwks_url", sa.Text),
    sa.Column("jwk_set", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Index(None, "user_id"),
)

organization_role = sa.Table(
    "organization_role",
    metadata,
    sa.Column("organization_id", sa.BigInteger, sa.ForeignKey("organization.id"), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Index(None, "user_id"),
)

environment_role = sa.Table(
    "environment_role",
    metadata,
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Index(None, "user_id"),
)


def get(tx: Tx, user_id: int) -> User:
    """The user. Raises NotFound."""
    row = tx.execute(sa.select(app_user).where(app_user.c.id == user_id)).one_or_none()
    if row is None:
        raise NotFound("user")
    return _user(row)


def find(tx: Tx, email: str) -> User | None:
    """The user with that address, given in lower case."""
    row = tx.execute(sa.select(app_user).where(app_user.c.email == email)).one_or_none()
    return _user(row) if row else None


def list_all(tx: Tx) -> list[User]:
    """Everybody, by number; also those who were removed."""
    return [_user(row) for row in tx.execute(sa.select(app_user).order_by(app_user.c.id))]


def number_taken(tx: Tx, user_id: int) -> bool:
    """Whether a user has that number, or had it."""
    return tx.scalar(sa.select(app_user.c.id).where(app_user.c.id == user_id)) is not None


def insert(tx: Tx, email: str, name: str, now_ms: int, *, user_id: int | None = None) -> User:
    """A new user, numbered after the last one unless a number is given."""
    if user_id is None:
        user_id = (tx.scalar(sa.select(sa.func.max(app_user.c.id))) or 0) + 1
    tx.execute(app_user.insert().values(id=user_id, email=email, fullname=name, created_at=now_ms))
    return User(user_id, email, name)


def seen(tx: Tx, user_id: int, now_ms: int) -> None:
    """Remember when the user last exchanged an assertion."""
    tx.execute(app_user.update().where(app_user.c.id == user_id).values(last_login=now_ms))


def insert_key(tx: Tx, key: UserKey) -> None:
    """A new user-level API key."""
    tx.execute(
        user_key.insert().values(
            client_id=key.client_id, user_id=key.user_id, name=key.name, jwks_url=key.keys.jwks_url,
            jwk_set=json.dumps(key.keys.jwk_set) if key.keys.jwk_set is not None else None,
            created_at=key.created_at,
        )
    )  # fmt: skip


def key(tx: Tx, client_id: str) -> UserKey | None:
    """The key with that client id; None without one, or when it was revoked."""
    query = sa.select(user_key).where(user_key.c.client_id == client_id, user_key.c.revoked_at.is_(None))
    row = tx.execute(query).one_or_none()
    return _key(row) if row else None


def client_id_taken(tx: Tx, client_id: str) -> bool:
    """Whether a key has that client id, or had it."""
    return tx.scalar(sa.select(user_key.c.client_id).where(user_key.c.client_id == client_id)) is not None


def keys_of(tx: Tx, user_id: int) -> list[UserKey]:
    """The user's keys, revoked ones too, oldest first."""
    query = sa.select(user_key).where(user_key.c.user_id == user_id)
    return [_key(row) for row in tx.execute(query.order_by(user_key.c.created_at, user_key.c.client_id))]


def revoke_key(tx: Tx, client_id: str, now_ms: int) -> None:
    """Let a key end; nothing, when it has ended already."""
    live = (user_key.c.client_id == client_id) & user_key.c.revoked_at.is_(None)
    tx.execute(user_key.update().where(live).values(revoked_at=now_ms))


def _user(row: sa.Row[Any]) -> User:
    return User(row.id, row.email, row.fullname, row.last_login)


def _key(row: sa.Row[Any]) -> UserKey:
    keys = PublicKeys(row.jwks_url, json.loads(row.jwk_set) if row.jwk_set else None)
    return UserKey(row.client_id, row.user_id, row.name, keys, row.created_at, row.revoked_at)
