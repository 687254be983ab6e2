"""All that an attempt must know of its destination, opened: settings, token, credential, and their versions."""

from dataclasses import dataclass

from waypost.credentials.sending import Under
from waypost.db.database import Tx
from waypost.destinations import ports
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets, open_secrets
from waypost.queues.model import Head, Versions
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


class Targets:
    """Opened destinations, kept in memory until they change."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._kept: dict[str, Target] = {}

    def of(self, tx: Tx, head: Head) -> Target:
        """The target of a queue as it is now. Raises NotFound, KeyUnavailable."""
        known = self._kept.get(head.destination_id)
        if known is None or known.versions != head.now:
            known = self._kept[head.destination_id] = _opened(tx, self._vault, head.destination_id)
        return known

    def is_kept(self, target: Target) -> bool:
        """Whether nobody has said since that the destination changed."""
        return self._kept.get(target.destination.id) is target

    def forget(self, destination_id: str) -> None:
        """Open a destination anew before its next attempt."""
        self._kept.pop(destination_id, None)

    def forget_credential(self, credential_id: str) -> None:
        """The same for every destination that uses a credential."""
        for destination_id, target in list(self._kept.items()):
            if target.destination.credential_id == credential_id:
                del self._kept[destination_id]


def _opened(tx: Tx, vault: Vault, destination_id: str) -> Target:
    destination = destinations.get(tx, destination_id)
    secrets = open_secrets(tx, vault, destinations.row(tx, destination_id))
    return Target(destination, secrets, ports.under(tx, vault, destination, secrets))
