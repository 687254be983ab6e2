"""All that an attempt must know of its destination, opened: settings, token, credential, and their versions."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from waypost.credentials import store as credentials
from waypost.credentials.store import Credential
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets, open_secrets
from waypost.egress import identity
from waypost.queues.model import Versions
from waypost.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Target:
    """A destination ready to be sent to. Kept in memory only."""

    destination: Destination
    secrets: Secrets
    credential: Credential | None
    credential_secrets: Mapping[str, str]
    tls: ssl.SSLContext | None

    @property
    def versions(self) -> Versions:
        """What an attempt on this target begins with."""
        return Versions(self.destination.version, self.credential.version if self.credential else 0)


def load(tx: Tx, vault: Vault, destination_id: str) -> Target:
    """The target as it is now. Raises NotFound, KeyUnavailable."""
    row = destinations.row(tx, destination_id)
    destination = destinations.get(tx, destination_id)
    secrets = open_secrets(tx, vault, row)
    credential = credentials.get(tx, row.credential_id) if row.credential_id else None
    return Target(
        destination=destination,
        secrets=secrets,
        credential=credential,
        credential_secrets=credentials.open_secrets(tx, vault, credential) if credential else {},
        tls=identity.context(
            destination.tls.ca_certificate, destination.tls.client_certificate, secrets.client_key
        ),
    )
