"""The check of a cloud destination before it goes live: write an object, look at it, and remove it.

Each is done as a delivery does it, through the same egress policy and with the same credential.
"""

import uuid
from dataclasses import dataclass

from waypost.credentials import store as credentials
from waypost.credentials.sending import Sender, Under
from waypost.credentials.store import Credential
from waypost.db.database import Database, Tx
from waypost.destinations import ports
from waypost.destinations.kinds.objects import ObjectStore
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets
from waypost.egress import identity
from waypost.egress.client import Answer
from waypost.settings import Settings
from waypost.vault.vault import Vault

TIMEOUT_SECONDS = 10
BODY = b'{"probe":true}'


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found: why nothing can be delivered (None when it can), and what is not as it should be.

    `name` is the object's, where one was to be written.
    """

    failure: str | None
    warnings: tuple[str, ...] = ()
    name: str = ""


class Prober:
    """Probes cloud destinations that have a credential."""

    def __init__(self, db: Database, vault: Vault, sender: Sender, operator: Settings) -> None:
        self._db = db
        self._vault = vault
        self._sender = sender
        self._operator = operator

    async def probe(self, destination: Destination, secrets: Secrets) -> Probed:
        """Write, look at and remove a probe. Raises KeyUnavailable."""
        store = ports.store(destination, self._operator)
        if isinstance(store, str):
            return Probed(store)
        under = await self._under(destination, secrets)
        probe_id = str(uuid.uuid4())
        name = store.probe_name(probe_id)
        wrote = await self._sender.send(
            store.write(name, BODY, {"logid": probe_id, "length": str(len(BODY))}), under
        )
        if (trouble := _trouble(store, wrote)) is not None:
            return Probed(f"No object could be written: {trouble}", name=name)
        warnings = []
        if (trouble := _trouble(store, await self._sender.send(store.look(name), under))) is not None:
            warnings.append(
                f"Objects cannot be looked at ({store.look_needs} is needed): after an attempt that was cut off, a"
                f" queue may hold because it cannot tell what is there. {trouble}"
            )
        if (trouble := _trouble(store, await self._sender.send(store.remove(name), under))) is not None:
            warnings.append(f"The probe {name} could not be removed; remove it yourself. {trouble}")
        return Probed(None, tuple(warnings), name)

    async def _under(self, destination: Destination, secrets: Secrets) -> Under:
        def opened(tx: Tx) -> tuple[Credential, dict[str, str]]:
            credential = credentials.get(tx, destination.credential_id or "")
            return credential, credentials.open_secrets(tx, self._vault, credential)

        credential, fields = await self._db.read(opened)
        tls = destination.tls
        return Under(
            credential,
            fields,
            timeout_seconds=TIMEOUT_SECONDS,
            https_only=not destination.is_development,
            tls=identity.context(tls.ca_certificate, tls.client_certificate, secrets.client_key),
            egress=destination.egress,
        )


def _trouble(store: ObjectStore, answer: Answer | str) -> str | None:
    if isinstance(answer, str):
        return answer
    return None if 200 <= answer.status < 300 else store.refusal(answer)
