"""What can be done with auth credentials. Secrets go in; they come out only to the delivery."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from waypost import etags
from waypost.access import ANY_ROLE, ENGINEER, Caller, EnvironmentRole, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.credentials import store
from waypost.credentials.checking import Checker, changes
from waypost.credentials.model import NOUN, Credential, audited, difference
from waypost.credentials.strategies import STRATEGIES, Strategies
from waypost.db.database import Database, Tx
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid
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
        checked = self._checker.new(given, environment)
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
        before, after = await self._db.write(lambda tx: self._change(tx, caller, credential_id, raw, if_match))
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
            store.delete(tx, found.environment_id, credential_id)
            details = {"id": found.id, "before": audited(found, self.strategies[found.strategy])}
            self._record(tx, caller, "auth-credential-deleted", found, details)

        await self._db.write(remove)

    def _change(
        self, tx: Tx, caller: Caller, credential_id: str, raw: Any, if_match: str | None
    ) -> tuple[Credential, Credential]:
        """The credential before and after; the same object twice when nothing changes."""
        before = _found(tx, caller, credential_id, ENGINEER, lock=True)
        etags.require(if_match, before.etag)
        given = _object(raw)
        strategy = self.strategies[before.strategy]
        touched = changes(given, before, strategy)
        stored = self._stored(tx, before, given) if touched else {}
        checked = self._checker.change(given, before, stored, environments.get(tx, before.environment_id))
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
        store.update(tx, self._vault, after, checked.secrets if moved else None)
        self._record(tx, caller, "auth-credential-updated", after, difference(before, after, moved, strategy))
        return before, after

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


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "wrong_type", "This must be an object.")])
    return raw


def _used_by(destinations: list[str]) -> Conflict:
    named = ", ".join(destinations[:MOST_NAMED])
    more = f" and {len(destinations) - MOST_NAMED} more" if len(destinations) > MOST_NAMED else ""
    return Conflict(f"Detach it first from the destinations that use it: {named}{more}.", code="in_use")
