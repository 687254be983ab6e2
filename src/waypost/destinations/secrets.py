"""A destination's sealed values: its verification token and the key of its client certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

COLUMNS = ("token", "client_key")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Opened, for the length of an attempt or a handshake."""

    token: str | None
    client_key: str | None


def open_secrets(tx: Tx, vault: Vault, row: sa.Row[Any]) -> Secrets:
    """Open what the row holds. Raises KeyUnavailable."""
    return Secrets(_opened(tx, vault, row, "token"), _opened(tx, vault, row, "client_key"))


def openable(tx: Tx, vault: Vault, row: sa.Row[Any]) -> dict[str, str | None]:
    """What the row holds by its columns; one that does not open is left out, so that it can still be replaced."""
    found = {}
    for column in COLUMNS:
        try:
            found[column] = _opened(tx, vault, row, column)
        except KeyUnavailable:
            continue
    return found


def seal_secrets(
    vault: Vault, environment_id: str, destination_id: str, version: int, secrets: Mapping[str, str | None]
) -> dict[str, Any]:
    """The columns that keep these secrets. All that open are given together: they are bound to the version."""

    def sealed(value: str | None, column: str) -> bytes | None:
        if value is None:
            return None
        place = f"{destination_id}.{column}"
        return vault.seal(environment_id, value.encode(), table="destination", row=place, version=version)

    return {column: sealed(value, column) for column, value in secrets.items()} | {"secrets_version": version}


def _opened(tx: Tx, vault: Vault, row: sa.Row[Any], column: str) -> str | None:
    blob = getattr(row, column)
    if blob is None:
        return None
    place = f"{row.id}.{column}"
    return vault.open(tx, blob, table="destination", row=place, version=row.secrets_version).decode()
