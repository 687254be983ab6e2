"""What can be done with auth credentials. Secrets go in; they come out only to the delivery."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waypost import etags
from waypost.access import ANY_ROLE, ENGINEER, Caller, EnvironmentRole, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.credentials import sharing, store
from waypost.credentials.checking import Checker, changes, unsound_keys
from waypost.credentials.model import NOUN, Credential, audited, difference
from waypost.credentials.strategies import DEFAULT, STRATEGIES, Strategies, keys
from waypost.credentials.strategies.strategy import Strategy
from waypost.db.database import Database, Tx
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid, NotFound
from waypost.ids import new_id
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

MOST_NAMED = 20


class Credentials:
    """Auth credentials of environments: any role reads, an engineer writes.

    `wake(id)` is called after a change is durable; `in_use(tx, id)` names the destinations that use one.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        policy: Policy,
        *,
        wake: Callable[[str], None],
        in_use: Callable[[Tx, str], list[str]],
        strategies: Strategies = STRATEGIES,
    ) -> None:
        self.strategies = strategies
        self._db = db
        self._vault = vault
        self._clock = clock
        self._checker = Checker(policy, strategies)
        self._wake = wake
        self._in_use = in_use

    async def list(self, caller: Caller, environment_id: str) -> list[Credential]:
        """The environment's credentials, oldest first."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(lambda tx: store.list_of(tx, environment_id))

    async def get(self, caller: Caller, credential_id: str) -> Credential:
        """One credential."""
        return await self._db.read(lambda tx: _found(tx, caller, credential_id, ANY_ROLE))

    async def create(self, caller: Caller, raw: Any) -> Credential:
        """A new credential of the environment that the request names."""
        given = _object(raw)
        environment = await self._environment(caller, given.get("environmentId"))
        given, unsound = await self._with_key(given, self.strategies.get(_named(given)), None)
        checked = self._checker.new(given, environment, unsound)
        assert environment is not None  # noqa: S101 - or the check had found it missing
        now = self._clock.now_ms()
        made = Credential(
            id=new_id(),
            organization_id=environment.organization_id,
            environment_id=environment.id,
            name=checked.name,
            strategy=checked.strategy.name,
            settings=checked.settings,
            secrets=frozenset(checked.secrets),
            version=1,
            created_at=now,
            updated_at=now,
        )
        await self._vault.prepare(environment.id)

        def insert(tx: Tx) -> None:
            store.insert(tx, self._vault, made, checked.secrets)
            details = {"id": made.id, "after": audited(made, checked.strategy)}
            self._record(tx, caller, "auth-credential-created", made, details)

        await self._db.write(insert)
        return made

    async def update(
        self, caller: Caller, credential_id: str, raw: Any, *, if_match: str | None = None
    ) -> Credential:
        """Change what is supplied; the whole must be right. Raises Stale when `if_match` names another version."""
        found = await self._db.read(lambda tx: _found(tx, caller, credential_id, ENGINEER))
        await self._vault.prepare(found.environment_id)
        given, unsound = await self._with_key(raw, self.strategies[found.strategy], found.settings)
        before, after = await self._db.write(
            lambda tx: self._change(tx, caller, credential_id, given, unsound, if_match)
        )
        if after is not before:
            self._wake(credential_id)
        return after

    async def delete(self, caller: Caller, credential_id: str) -> None:
        """Remove a credential that no destination uses. Raises Conflict when one does."""

        def remove(tx: Tx) -> None:
            found = _found(tx, caller, credential_id, ENGINEER, lock=True)
            users = self._in_use(tx, credential_id)
            if users:
                raise _used_by(users)
            sharing.drop(tx, credential_id)
            store.delete(tx, found.environment_id, credential_id)
            details = {"id": found.id, "before": audited(found, self.strategies[found.strategy])}
            self._record(tx, caller, "auth-credential-deleted", found, details)

        await self._db.write(remove)

    def _change(
        self,
        tx: Tx,
        caller: Caller,
        credential_id: str,
        raw: Any,
        unsound: Sequence[Fault],
        if_match: str | None,
    ) -> tuple[Credential, Credential]:
        """The credential before and after; the same object twice when nothing changes."""
        before = _found(tx, caller, credential_id, ENGINEER, lock=True)
        etags.require(if_match, before.etag)
        given = _object(raw)
        strategy = self.strategies[before.strategy]
        touched = changes(given, before, strategy)
        stored = self._stored(tx, before, given) if touched else {}
        checked = self._checker.change(given, before, stored, environments.get(tx, before.environment_id), unsound)
        moved = [
            name
            for name in strategy.secrets
            if touched
            and (
                stored.get(name) != checked.secrets.get(name)
                or (name in before.secrets) != (name in checked.secrets)
            )
        ]
        if checked.name == before.name and checked.settings == before.settings and not moved:
            return before, before
        after = replace(
            before,
            name=checked.name,
            settings=checked.settings,
            secrets=frozenset(checked.secrets) if moved else before.secrets,
            version=before.version + 1,
            updated_at=self._clock.now_ms(),
        )
        sharing.drop(tx, after.id)
        store.update(tx, self._vault, after, checked.secrets if moved else None)
        self._record(tx, caller, "auth-credential-updated", after, difference(before, after, moved, strategy))
        return before, after

    async def public_key(self, credential_id: str) -> dict[str, Any]:
        """The public half of the key that Waypost signs with for a credential. Anybody may have it.

        Raises NotFound without such a key, KeyUnavailable.
        """

        def load(tx: Tx) -> tuple[Credential, dict[str, str]]:
            found = store.get(tx, credential_id)
            return found, store.open_secrets(tx, self._vault, found)

        found, secrets = await self._db.read(load)
        strategy = self.strategies.get(found.strategy)
        if strategy is None or not strategy.keyed or keys.FIELD not in secrets:
            raise NotFound(NOUN)
        return keys.public_jwk(secrets[keys.FIELD], keys.algorithm_of(strategy.declared, found.settings))

    async def _with_key(
        self, raw: Any, strategy: Strategy[Any] | None, settings: Mapping[str, Any] | None
    ) -> tuple[Any, Sequence[Fault]]:
        """The request with a fresh key where Waypost makes one, and what is wrong with a key that was given.

        Both take their time, so they are done in a thread and before the transaction. `settings` are those of
        the credential that is changed, which keeps its key unless the request says null.
        """
        if strategy is None or not strategy.private_keys or not isinstance(raw, dict):
            return raw, []
        unsound = await asyncio.to_thread(unsound_keys, raw, strategy)
        keeps = settings is not None and keys.FIELD not in raw
        if not strategy.keyed or keeps or raw.get(keys.FIELD) is not None:
            return raw, unsound
        algorithm = keys.algorithm_of(strategy.declared, {**(settings or {}), **raw})
        return {**raw, keys.FIELD: await asyncio.to_thread(keys.make, algorithm)}, unsound

    def _stored(self, tx: Tx, before: Credential, given: Mapping[str, Any]) -> dict[str, str]:
        """The stored secrets. When all of them are sent again a lost key does no harm: then they are new."""
        try:
            return store.open_secrets(tx, self._vault, before)
        except KeyUnavailable:
            if before.secrets - given.keys():
                raise
            return {}

    async def _environment(self, caller: Caller, environment_id: Any) -> Environment | None:
        """The environment of a create request; None when the request does not name one properly."""
        if not isinstance(environment_id, str):
            return None
        require_environment(caller, environment_id, ENGINEER)
        return await self._db.read(lambda tx: environments.get(tx, environment_id))

    def _record(
        self, tx: Tx, caller: Caller, type_: str, credential: Credential, details: Mapping[str, Any]
    ) -> None:
        audit.record(
            tx,
            caller,
            type_,
            organization_id=credential.organization_id,
            environment_id=credential.environment_id,
            now_ms=self._clock.now_ms(),
            details=details,
        )


def _found(
    tx: Tx, caller: Caller, credential_id: str, roles: frozenset[EnvironmentRole], *, lock: bool = False
) -> Credential:
    credential = store.get(tx, credential_id, lock=lock)
    require_environment(caller, credential.environment_id, roles, NOUN)
    return credential


def _named(given: Mapping[str, Any]) -> str:
    """The strategy that a create request names, whether there is such a one or not."""
    name = given.get("authStrategy", DEFAULT)
    return name if isinstance(name, str) else ""


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "wrong_type", "This must be an object.")])
    return raw


def _used_by(destinations: list[str]) -> Conflict:
    named = ", ".join(destinations[:MOST_NAMED])
    more = f" and {len(destinations) - MOST_NAMED} more" if len(destinations) > MOST_NAMED else ""
    return Conflict(f"Detach it first from the destinations that use it: {named}{more}.", code="in_use")
