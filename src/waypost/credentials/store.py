"""Rows of auth credentials: settings in the clear, all secrets of one credential in one sealed blob.

`version` moves with every change: tokens and attempts that began with another one are void
(invariants 5 and 8). `secrets_version` moves with the secrets and is part of the blob's associated data.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from waypost.credentials.model import NOUN
from waypost.credentials.model import Credential as Credential
from waypost.db.database import Tx, metadata
from waypost.errors import NotFound
from waypost.ids import is_uuid
from waypost.vault.vault import Vault

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("strategy", sa.String(64), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("secret_names", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("secrets_version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Index(None, "environment_id", "created_at"),
)


def get(tx: Tx, credential_id: str, *, lock: bool = False) -> Credential:
    """The credential; `lock` keeps others from changing it until the transaction ends. Raises NotFound."""
    query = sa.select(credential).where(credential.c.id == credential_id)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none() if is_uuid(credential_id) else None
    if row is None:
        raise NotFound(NOUN)
    return _credential(row)


def version(tx: Tx, credential_id: str) -> int | None:
    """The credential's version; None without such a credential."""
    return tx.scalar(sa.select(credential.c.version).where(credential.c.id == credential_id))


def exists_in(tx: Tx, environment_id: str, credential_id: str) -> Credential | None:
    """The credential, if it is one of this environment."""
    query = sa.select(credential).where(
        credential.c.id == credential_id, credential.c.environment_id == environment_id
    )
    row = tx.execute(query).one_or_none()
    return None if row is None else _credential(row)


def list_of(tx: Tx, environment_id: str) -> list[Credential]:
    """The environment's credentials, oldest first."""
    query = sa.select(credential).where(credential.c.environment_id == environment_id)
    return [_credential(row) for row in tx.execute(query.order_by(credential.c.created_at, credential.c.id))]


def open_secrets(tx: Tx, vault: Vault, wanted: Credential) -> dict[str, str]:
    """The secrets of exactly this version, by field. Raises NotFound when it has changed, KeyUnavailable."""
    c = credential.c
    query = sa.select(c.sealed, c.secrets_version).where(c.id == wanted.id, c.version == wanted.version)
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound(NOUN)
    if row.sealed is None:
        return {}
    opened = vault.open(tx, row.sealed, table="credential", row=wanted.id, version=row.secrets_version)
    secrets: dict[str, str] = json.loads(opened)
    return secrets


def insert(tx: Tx, vault: Vault, made: Credential, secrets: Mapping[str, str]) -> None:
    """A new credential; the environment was prepared for sealing."""
    values = {"organization_id": made.organization_id, "environment_id": made.environment_id}
    tx.execute(
        credential.insert().values(
            **values,
            **_changing(made),
            **_sealed(vault, made, secrets, 1),
            id=made.id,
            strategy=made.strategy,
            created_at=made.created_at,
        )
    )


def update(tx: Tx, vault: Vault, changed: Credential, secrets: Mapping[str, str] | None) -> None:
    """Keep a changed credential; `secrets` are sealed anew, None leaves them as they are."""
    c = credential.c
    values = _changing(changed)
    if secrets is not None:
        sealed_as = tx.scalar(sa.select(c.secrets_version).where(c.id == changed.id)) or 0
        values |= _sealed(vault, changed, secrets, sealed_as + 1)
    tx.execute(credential.update().where(c.id == changed.id).values(values))


def delete(tx: Tx, environment_id: str, credential_id: str) -> None:
    """Remove the credential and its secrets."""
    c = credential.c
    tx.execute(credential.delete().where(c.id == credential_id, c.environment_id == environment_id))


def _changing(kept: Credential) -> dict[str, Any]:
    return {
        "name": kept.name,
        "settings": json.dumps(dict(kept.settings)),
        "version": kept.version,
        "updated_at": kept.updated_at,
    }


def _sealed(vault: Vault, owner: Credential, secrets: Mapping[str, str], secrets_version: int) -> dict[str, Any]:
    data = json.dumps(dict(secrets)).encode()
    blob = vault.seal(owner.environment_id, data, table="credential", row=owner.id, version=secrets_version)
    return {
        "secret_names": json.dumps(sorted(secrets)),
        "sealed": blob if secrets else None,
        "secrets_version": secrets_version,
    }


def _credential(row: sa.Row[Any]) -> Credential:
    return Credential(
        id=row.id,
        organization_id=row.organization_id,
        environment_id=row.environment_id,
        name=row.name,
        strategy=row.strategy,
        settings=json.loads(row.settings),
        secrets=frozenset(json.loads(row.secret_names)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
