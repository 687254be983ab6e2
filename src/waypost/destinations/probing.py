"""The check of a cloud destination before it goes live: its store writes a probe and removes it.

Each step is done as a delivery does it, through the same egress policy and with the same credential.
"""

from waypost.credentials.sending import Carrier, Sender
from waypost.db.database import Database
from waypost.destinations import ports
from waypost.destinations.kinds.kind import Probed
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets
from waypost.settings import Settings
from waypost.vault.vault import Vault

TIMEOUT_SECONDS = 10


class Prober:
    """Probes cloud destinations that have what their kind needs."""

    def __init__(self, db: Database, vault: Vault, sender: Sender, settings: Settings) -> None:
        self._db = db
        self._vault = vault
        self._sender = sender
        self._settings = settings

    async def probe(self, destination: Destination, secrets: Secrets) -> Probed:
        """Have the store write and remove a probe. Raises KeyUnavailable, NotFound."""
        store = ports.store(destination, self._settings)
        if isinstance(store, str):
            return Probed(store)
        under = await self._db.read(
            lambda tx: ports.under(tx, self._vault, destination, secrets, timeout_seconds=TIMEOUT_SECONDS)
        )
        return await store.probe(Carrier(self._sender, under))
