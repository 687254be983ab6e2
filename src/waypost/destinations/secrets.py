"""A destination's sealed values: its verification token and the key of its client certificate."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Secrets:
    """Opened, for the length of an attempt or a handshake."""

    token: str | None
    client_key: str | None


def open_secrets(tx: Tx, vault: Vault, row: sa.Row[Any]) -> Secrets:
    """Open what the row holds. Raises KeyUnavailable."""

    def opened(blob: bytes | None, field: str) -> str | None:
        if blob is None:
            return None
        data = vault.open(tx, blob, table="destination", row=f"{row.id}.{field}", version=row.secrets_version)
        return data.decode()

    return Secrets(opened(row.token, "token"), opened(row.client_key, "client_key"))


def seal_secrets(
    vault: Vault, environment_id: str, destination_id: str, version: int, secrets: Secrets
) -> dict[str, Any]:
    """The columns that keep these secrets, all sealed anew: they are bound to their version."""

    def sealed(value: str | None, field: str) -> bytes | None:
        if value is None:
            return None
        place = f"{destination_id}.{field}"
        return vault.seal(environment_id, value.encode(), table="destination", row=place, version=version)

    return {
        "token": sealed(secrets.token, "token"),
        "client_key": sealed(secrets.client_key, "client_key"),
        "secrets_version": version,
    }
