"""Update webhook signing secret: a new one that signs at once, beside those that it takes the place of."""

from collections.abc import Callable, Sequence
from typing import Any

from waypost import signatures
from waypost.access import ENGINEER, Caller, require_environment
from waypost.audit import store as audit
from waypost.audit.masking import CHANGED
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.destinations import store
from waypost.destinations.secrets import SigningKey, kept, openable, seal_secrets, signing_keys
from waypost.environments import store as environments
from waypost.errors import Conflict, Invalid
from waypost.validation import Body, check
from waypost.vault.vault import Vault

OVERLAP_MS = 24 * 3600 * 1000
"""So long an old secret goes on signing, for receivers to change over."""
MOST_KEYS = 5
"""So many sign at most, however often the secret is changed in a day: each costs every request a signature."""


class SecretChange(Body):
    """Body of Update webhook signing secret: nothing; Redox makes the secret, and so do we."""


class SigningSecrets:
    """The signing secrets of destinations. `wake` hears of a destination that changed."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, *, wake: Callable[[str], None]) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._wake = wake

    async def change(self, caller: Caller, destination_id: str, raw: Any) -> str:
        """Make a new secret; it is told this once. Raises NotFound, Forbidden, Invalid, Conflict."""
        found = await self._db.read(lambda tx: store.get(tx, destination_id))
        require_environment(caller, found.environment_id, ENGINEER, "destination")
        await self._vault.prepare(found.environment_id)
        made = signatures.new_secret()
        changed_id = await self._db.write(lambda tx: self._keep(tx, caller, destination_id, raw, made))
        self._wake(changed_id)
        return made

    def _keep(self, tx: Tx, caller: Caller, destination_id: str, raw: Any, made: str) -> str:
        current = store.get(tx, destination_id)
        require_environment(caller, current.environment_id, ENGINEER, "destination")
        _, faults = check(SecretChange, raw)
        if faults:
            raise Invalid(faults)
        if current.is_cloud:
            detail = "This is a cloud destination: it gets objects, and no requests that could be signed."
            raise Conflict(detail, code="cloud_destination")
        row, now = store.row(tx, current.id), self._clock.now_ms()
        known = openable(tx, self._vault, row)
        keys = replaced(signing_keys(known.get("signing")), made, now)
        sealed = seal_secrets(
            self._vault,
            current.environment_id,
            current.id,
            row.secrets_version + 1,
            known | {"signing": kept(keys)},
        )
        store.update(tx, current.id, sealed | {"updated_at": now})
        audit.record(
            tx, caller, "destination-signing-secret-changed",
            organization_id=environments.get(tx, current.environment_id).organization_id,
            environment_id=current.environment_id,
            details={"id": current.id, "after": {"signingSecret": CHANGED}}, now_ms=now,
        )  # fmt: skip
        return current.id


def replaced(keys: Sequence[SigningKey], made: str, now_ms: int) -> list[SigningKey]:
    """The keys once `made` takes over: those before it sign for a day more, each from when it was replaced."""
    ends = [key if key.until is not None else SigningKey(key.secret, now_ms + OVERLAP_MS) for key in keys]
    living = [key for key in ends if key.until is not None and now_ms < key.until]
    return [SigningKey(made), *living][:MOST_KEYS]
