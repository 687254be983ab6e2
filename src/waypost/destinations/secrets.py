"""A destination's sealed values: its verification token, the key of its client certificate, its signing keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

COLUMNS = ("token", "client_key", "signing")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A webhook signing secret; one that was replaced signs `until` a time (ms)."""

    secret: str = field(repr=False)
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """Opened, for the length of an attempt or a handshake."""

    token: str | None
    client_key: str | None
    signing: tuple[SigningKey, ...] = ()

    def signing_at(self, now_ms: int) -> list[str]:
        """The secrets that sign at this time, the newest first."""
        return [key.secret for key in self.signing if key.until is None or now_ms < key.until]


def open_secrets(tx: Tx, vault: Vault, row: sa.Row[Any]) -> Secrets:
    """Open what the row holds. Raises KeyUnavailable."""
    keys = signing_keys(_opened(tx, vault, row, "signing"))
    return Secrets(_opened(tx, vault, row, "token"), _opened(tx, vault, row, "client_key"), keys)


def openable(tx: Tx, vault: Vault, row: sa.Row[Any]) -> dict[str, str | None]:
    """What the row holds by its columns; one that does not open is left out, so that it can still be replaced."""
    found = {}
    for column in COLUMNS:
        try:
            found[column] = _opened(tx, vault, row, column)
        except KeyUnavailable:
            continue
    return found


def signing_keys(kept: str | None) -> tuple[SigningKey, ...]:
    """The keys in an opened `signing` column."""
    return () if kept is None else tuple(SigningKey(secret, until) for secret, until in json.loads(kept))


def kept(keys: Sequence[SigningKey]) -> str:
    """The keys as the `signing` column has them, before it is sealed."""
    return json.dumps([[key.secret, key.until] for key in keys])


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
