"""All that an attempt must know of its destination, opened: settings, token, credential, and their versions."""

from dataclasses import dataclass

from waypost.credentials import store as credentials
from waypost.credentials.sending import Under
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
    under: Under

    @property
    def versions(self) -> Versions:
        """What an attempt on this target begins with."""
        credential = self.under.credential
        return Versions(self.destination.version, credential.version if credential else 0)


def load(tx: Tx, vault: Vault, destination_id: str) -> Target:
    """The target as it is now. Raises NotFound, KeyUnavailable."""
    row = destinations.row(tx, destination_id)
    destination = destinations.get(tx, destination_id)
    secrets = open_secrets(tx, vault, row)
    credential = credentials.get(tx, row.credential_id) if row.credential_id else None
    under = Under(
        credential,
        credentials.open_secrets(tx, vault, credential) if credential else {},
        timeout_seconds=destination.timeout_seconds,
        https_only=not destination.is_development,
        tls=identity.context(
            destination.tls.ca_certificate, destination.tls.client_certificate, secrets.client_key
        ),
        egress=destination.egress,
    )
    return Target(destination, secrets, under)
