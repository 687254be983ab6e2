"""What can be done with API keys: engineers of the environment change them, every role reads the OAuth ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waypost import access, ids
from waypost.access import Caller
from waypost.apikeys import store
from waypost.apikeys.model import IMMUTABLE, ApiKey, ApiKeyCreate, ApiKeyPatch, LegacyKey, UrlFault
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import NotFound
from waypost.validation import checked, checked_patch

OAUTH_KEY_CREATED = "oauth-key-created"
"""What the audit trail calls a new OAuth key, whoever makes it."""

_FIELDS = {"name": "name", "jwksURL": "jwks_url", "jwkSet": "jwk_set"}


class ApiKeys:
    """The use cases. `changed` is called after each change is durable: it drops the principals kept in memory."""

    def __init__(self, db: Database, clock: Clock, policy: Policy, changed: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy
        self._changed = changed

    async def list(self, caller: Caller, environment_id: str) -> Sequence[ApiKey]:
        """The environment's OAuth keys, oldest first. Raises NotFound."""
        access.require_environment(caller, environment_id, access.ANY_ROLE)
        return await self._db.read(lambda tx: store.list_of(tx, environment_id))

    async def get(self, caller: Caller, apikey_id: str) -> ApiKey:
        """One OAuth key. Raises NotFound."""
        found = await self._db.read(lambda tx: _found(tx, apikey_id))
        access.require_environment(caller, found.environment_id, access.ANY_ROLE, "API key")
        return found

    async def create(self, caller: Caller, environment_id: str, raw: Any) -> ApiKey:
        """A new OAuth key; its id is the client id. Raises NotFound, Forbidden, Invalid."""
        access.require_environment(caller, environment_id, access.ENGINEER)
        environment = await self._db.read(lambda tx: environments.get(tx, environment_id))
        checked(ApiKeyCreate, raw, context=self._url_fault(environment))
        made = ApiKey(ids.new_id(), environment_id, environment.flag, **_given(raw))

        def insert(tx: Tx) -> None:
            store.insert(tx, made, self._clock.now_ms())
            details = {"id": made.id, "after": made.audited()}
            self._record(tx, caller, OAUTH_KEY_CREATED, environment_id, details)

        await self._db.write(insert)
        self._changed()
        return made

    async def update(self, caller: Caller, apikey_id: str, raw: Any) -> ApiKey:
        """Change the supplied fields; null clears. Raises NotFound, Forbidden, Invalid."""
        current = await self._to_change(caller, apikey_id)
        environment = await self._db.read(lambda tx: environments.get(tx, current.environment_id))
        context = self._url_fault(environment)
        checked_patch(ApiKeyPatch, raw, current.shown(), immutable=IMMUTABLE, context=context)

        def change(tx: Tx) -> tuple[ApiKey, ApiKey]:
            before = _found(tx, apikey_id)
            after = replace(before, **_given(raw))
            if after != before:
                store.update(tx, after)
                details = {"id": after.id, "before": before.audited(), "after": after.audited()}
                self._record(tx, caller, "oauth-key-updated", after.environment_id, details)
            return before, after

        before, after = await self._db.write(change)
        if after != before:
            self._changed()
        return after

    async def delete(self, caller: Caller, apikey_id: str) -> None:
        """Revoke an OAuth key for good. Raises NotFound, Forbidden."""
        await self._to_change(caller, apikey_id)

        def remove(tx: Tx) -> None:
            before = _found(tx, apikey_id)
            store.delete(tx, apikey_id, self._clock.now_ms())
            details = {"id": before.id, "before": before.audited()}
            self._record(tx, caller, "oauth-key-deleted", before.environment_id, details)

        await self._db.write(remove)
        self._changed()

    async def add(self, caller: Caller, environment_id: str, name: str, public_jwk: Mapping[str, Any]) -> ApiKey:
        """A new OAuth key with one public key. Raises as `create` does."""
        return await self.create(caller, environment_id, {"name": name, "jwkSet": {"keys": [dict(public_jwk)]}})

    async def add_legacy(self, caller: Caller, environment_id: str, name: str) -> tuple[str, str]:
        """A new legacy key and its secret, which is not kept. Raises NotFound, Forbidden, Invalid."""
        access.require_environment(caller, environment_id, access.ENGINEER)
        checked(ApiKeyCreate, {"name": name})
        secret = ids.new_secret()
        made = LegacyKey(ids.new_id(), environment_id, name, ids.digest(secret))

        def insert(tx: Tx) -> None:
            details = {"id": made.key, "after": {"name": name}}
            self._record(tx, caller, "legacy-key-created", environment_id, details)
            store.insert_legacy(tx, made, self._clock.now_ms())

        await self._db.write(insert)
        self._changed()
        return made.key, secret

    async def _to_change(self, caller: Caller, apikey_id: str) -> ApiKey:
        found = await self._db.read(lambda tx: _found(tx, apikey_id))
        access.require_environment(caller, found.environment_id, access.ENGINEER, "API key")
        return found

    def _url_fault(self, environment: Environment) -> UrlFault:
        policy, https_only = self._policy.within(environment.egress), not environment.is_development
        return lambda url: policy.fault(url, https_only=https_only, pointer="/jwksURL")

    def _record(self, tx: Tx, caller: Caller, type_: str, environment_id: str, details: dict[str, Any]) -> None:
        """What goes with every change of a key, in its transaction."""
        environments.bump(tx, environment_id)
        audit.record(
            tx, caller, type_,
            organization_id=environments.get(tx, environment_id).organization_id, environment_id=environment_id,
            details=details, now_ms=self._clock.now_ms(),
        )  # fmt: skip


def _found(tx: Tx, apikey_id: str) -> ApiKey:
    found = store.get(tx, apikey_id)
    if found is None:
        raise NotFound("API key")
    return found


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The supplied fields of a body that was checked, by their names here."""
    return {name: raw[field] for field, name in _FIELDS.items() if field in raw}
