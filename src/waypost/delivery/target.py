"""All that an attempt must know of its destination, opened: settings, token, credential, and their versions."""

from dataclasses import dataclass

from waypost.credentials.sending import Under
from waypost.db.database import Tx
from waypost.destinations import ports
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets, open_secrets
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
    destination = destinations.get(tx, destination_id)
    secrets = open_secrets(tx, vault, destinations.row(tx, destination_id))
    return Target(destination, secrets, ports.under(tx, vault, destination, secrets))
