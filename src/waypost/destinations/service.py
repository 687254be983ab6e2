"""What can be done with destinations. One method a use case, one commit each, audited in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from waypost import etags
from waypost.access import ANY_ROLE, ENGINEER, OWNER, Caller, require_environment, require_organization
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.destinations import changes, checks, model, store
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets, open_secrets, openable, seal_secrets
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid
from waypost.ids import new_id
from waypost.quotas import store as quotas
from waypost.validation import check, checked
from waypost.vault.vault import Vault

VERIFIED = "destination-verified"
"""Of a verification that succeeded, and with the status `attempted` of one that did not."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the rooms above do when a destination goes: count what is pending in its queues, and end it."""

    count: Callable[[Tx, str], int]
    end: Callable[[Tx, str, int, str], int]


class Destinations:
    """The destinations of every environment.

    `moved(tx, before, after)` hears of every change of an endpoint, within the transaction that makes it.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        policy: Policy,
        *,
        wake: Callable[[str], None],
        waiting: Waiting,
        moved: Callable[[Tx, Destination, Destination], None],
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._policy = policy
        self._wake = wake
        self._waiting = waiting
        self._moved = moved

    async def of_environment(self, caller: Caller, environment_id: str) -> list[dict[str, Any]]:
        """The environment's destinations as the vendor documents them, oldest first."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(lambda tx: store.documented_of(tx, environment_id))

    async def get(self, caller: Caller, destination_id: str) -> Destination:
        """One destination."""
        return await self._db.read(lambda tx: self._in_reach(tx, caller, destination_id, ANY_ROLE))

    async def create(self, caller: Caller, environment_id: str, raw: Any) -> Destination:
        """A new destination from the body of Create destination."""
        require_environment(caller, environment_id, ENGINEER)
        await self._vault.prepare(environment_id)

        def change(tx: Tx) -> Destination:
            environment = environments.get(tx, environment_id)
            given, faults = check(model.DestinationCreate, raw)
            faults += checks.references(tx, self._policy, environment, raw) + checks.creation(environment, raw)
            if given is None or faults:
                raise Invalid(faults)
            quotas.require(tx, environment_id, "destinations", store.count_of)
            if given.id is not None and store.taken(tx, given.id):
                raise Conflict("A destination has, or had, this id.", code="id_taken")
            made = self._insert(tx, environment, given)
            details = {"id": made.id, "after": changes.audited(made, token=given.verificationToken is not None)}
            self._record(tx, caller, "destination-created", environment, details)
            return made

        return await self._db.write(change)

    async def update(
        self, caller: Caller, destination_id: str, raw: Any, *, if_match: str | None = None
    ) -> Destination:
        """Update destination: only supplied fields change; held queues are tried at once."""
        await self._prepare(caller, destination_id, raw, "verificationToken")

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            etags.require(if_match, current.etag)
            environment = environments.get(tx, current.environment_id)
            patch, faults = check(model.DestinationPatch, raw)
            faults += checks.references(tx, self._policy, environment, raw, current) + checks.update(current, raw)
            if patch is None or faults:
                raise Invalid(faults)
            return self._apply(tx, caller, environment, current, patch.model_dump(exclude_unset=True))

        return await self._change_and_wake(change)

    async def delete(self, caller: Caller, destination_id: str, raw: Any) -> int:
        """Delete a destination and its subscriptions; how many pending messages ended skipped.

        Raises Conflict while messages are pending and no reason is given.
        """

        def change(tx: Tx) -> int:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            if current.flag is environments.Flag.production:
                require_organization(caller, environment.organization_id, OWNER, "destination")
            reason = checked(model.DestinationDelete, raw).reason
            skipped = self._end(tx, current.id, reason)
            environments.bump(tx, environment.id)
            details = {"before": changes.audited(current), "skipped": skipped, "reason": reason}
            self._record(tx, caller, "destination-deleted", environment, {"id": current.id} | details)
            return skipped

        return await self._db.write(change)

    async def change_settings(
        self, caller: Caller, destination_id: str, raw: Any, *, if_match: str | None = None
    ) -> Destination:
        """Change what the documented object has no place for: TLS, time-out, what counts as success."""
        await self._prepare(caller, destination_id, raw, "tls")

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            etags.require(if_match, current.etag)
            environment = environments.get(tx, current.environment_id)
            known = openable(tx, self._vault, store.row(tx, current.id))
            given, faults = check(model.SettingsPatch, raw)
            faults += checks.settings(current, known.get("client_key"), raw)
            if given is None or faults:
                raise Invalid(faults)
            return self._apply(tx, caller, environment, current, given.model_dump(exclude_unset=True))

        return await self._change_and_wake(change)

    async def put_setup(self, caller: Caller, destination_id: str, raw: Any) -> Destination:
        """Save the progress of the set-up, with settings or endpoint while it is unfinished; null finishes it."""

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            given, faults = check(model.SetupPut, raw)
            faults += checks.references(tx, self._policy, environment, raw, current)
            if given is None or faults:
                raise Invalid(faults)
            values = given.model_dump(exclude_unset=True, mode="json")
            moved = values.keys() & {"endpoint", "cloudProviderSettings"}
            if current.setup_state is None and (moved or given.setupState is not None):
                raise Conflict("This destination's set-up is finished; update it instead.", code="setup_finished")
            if faults := checks.one_kind(values, current):
                raise Invalid(faults)
            return self._apply(tx, caller, environment, current, values)

        return await self._change_and_wake(change)

    async def verified(
        self, caller: Caller, before: Destination, sent: Mapping[str, Any], method: model.Method
    ) -> Destination:
        """Record that a handshake with the destination as it was `before` succeeded; store what was sent for it.

        Raises Conflict when the destination has changed since: what was proved may no longer be what it has.
        """
        await self._prepare(caller, before.id, sent, "verificationToken")

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, before.id, ENGINEER)
            if current.version != before.version:
                raise Conflict("The destination changed during the handshake; verify it again.", code="changed")
            environment = environments.get(tx, current.environment_id)
            verification = model.Verification("verified", self._clock.now_ms(), method)
            changed = self._write(tx, current, sent, verification)
            details = {"id": current.id, "method": method, "verified": True}
            details |= changes.difference(current, changed, sent)
            self._record(tx, caller, VERIFIED, environment, details)
            return changed, bool(sent)

        return await self._change_and_wake(change)

    async def not_verified(self, caller: Caller, destination_id: str, method: model.Method) -> None:
        """Record that a handshake failed."""

        def change(tx: Tx) -> None:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            details = {"id": current.id, "method": method, "verified": False}
            self._record(tx, caller, VERIFIED, environment, details, status="attempted")

        await self._db.write(change)

    async def secrets(self, caller: Caller, destination_id: str) -> tuple[Destination, Secrets]:
        """A destination with its secrets opened, for a handshake."""

        def opened(tx: Tx) -> tuple[Destination, Secrets]:
            found = self._in_reach(tx, caller, destination_id, ENGINEER)
            return found, open_secrets(tx, self._vault, store.row(tx, destination_id))

        return await self._db.read(opened)

    def endpoint_faults(self, destination: Destination, endpoint: str) -> list[Fault]:
        """What is wrong with an endpoint for this destination."""
        policy = self._policy.within(destination.egress)
        return checks.endpoint(policy, endpoint, is_development=destination.is_development)

    async def _change_and_wake(self, change: Callable[[Tx], tuple[Destination, bool]]) -> Destination:
        destination, woken = await self._db.write(change)
        if woken:
            self._wake(destination.id)
        return destination

    async def _prepare(self, caller: Caller, destination_id: str, raw: Any, secret: str) -> None:
        """A data key to seal with, if there is a secret; nobody but an engineer makes the store do that.

        Raises NotFound, Forbidden.
        """
        if isinstance(raw, Mapping) and secret in raw:
            found = await self._db.read(lambda tx: self._in_reach(tx, caller, destination_id, ENGINEER))
            await self._vault.prepare(found.environment_id)

    def _in_reach(self, tx: Tx, caller: Caller, destination_id: str, roles: Any) -> Destination:
        found = store.get(tx, destination_id)
        require_environment(caller, found.environment_id, roles, "destination")
        return found

    def _end(self, tx: Tx, destination_id: str, reason: str | None) -> int:
        """Let a destination end; how many pending messages were skipped. Raises Conflict."""
        waiting = self._waiting.count(tx, destination_id)
        if waiting and reason is None:
            detail = f"{waiting} messages are pending; give a reason to end them as skipped."
            raise Conflict(detail, code="messages_pending")
        now = self._clock.now_ms()
        skipped = self._waiting.end(tx, destination_id, now, reason or "")
        store.update(tx, destination_id, {"deleted_at": now, "updated_at": now})
        return skipped

    def _insert(self, tx: Tx, environment: Environment, given: model.DestinationCreate) -> Destination:
        destination_id, now = given.id or new_id(), self._clock.now_ms()
        values = {
            "id": destination_id,
            "environment_id": environment.id,
            "name": given.name,
            "endpoint": given.endpoint,
            "credential_id": given.authCredential,
            "cloud": given.cloudProviderSettings and given.cloudProviderSettings.model_dump(exclude_unset=True),
            "setup": given.setupState and given.setupState.model_dump(exclude_unset=True, mode="json"),
            "created_at": now,
            "updated_at": now,
        }
        secrets = {"token": given.verificationToken, "client_key": None}
        store.insert(tx, values | seal_secrets(self._vault, environment.id, destination_id, 1, secrets))
        environments.bump(tx, environment.id)
        return store.get(tx, destination_id)

    def _apply(
        self, tx: Tx, caller: Caller, environment: Environment, current: Destination, given: dict[str, Any]
    ) -> tuple[Destination, bool]:
        """Write what differs, audited; the destination as it is now, and whether anything changed."""
        verification = current.verification
        known = openable(tx, self._vault, store.row(tx, current.id)) if changes.secrets_of(given) else {}
        differs = changes.differing(current, known, given)
        if not differs:
            return current, False
        if verification.state == "verified" and differs.keys() & {"endpoint", "verificationToken"}:
            verification = replace(verification, state="stale")
        changed = self._write(tx, current, differs, verification)
        details = {"id": current.id} | changes.difference(current, changed, differs)
        self._record(tx, caller, "destination-updated", environment, details)
        return changed, True

    def _write(
        self, tx: Tx, current: Destination, given: Mapping[str, Any], verification: model.Verification
    ) -> Destination:
        values = changes.columns(given) | {
            "updated_at": self._clock.now_ms(),
            "verification_state": verification.state,
            "verification_at": verification.at,
            "verification_method": verification.method,
        }
        if secrets := changes.secrets_of(given):
            row = store.row(tx, current.id)
            known = openable(tx, self._vault, row) | secrets
            version = row.secrets_version + 1
            values |= seal_secrets(self._vault, current.environment_id, current.id, version, known)
        store.update(tx, current.id, values)
        if given.keys() & {"name", "setupState"}:  # what intake keeps in memory of a destination
            environments.bump(tx, current.environment_id)
        changed = store.get(tx, current.id)
        if changed.endpoint != current.endpoint:
            self._moved(tx, current, changed)
        return changed

    def _record(
        self,
        tx: Tx,
        caller: Caller,
        type_: str,
        environment: Environment,
        details: dict[str, Any],
        *,
        status: audit.Status = "successful",
    ) -> None:
        audit.record(
            tx,
            caller,
            type_,
            organization_id=environment.organization_id,
            environment_id=environment.id,
            details=details,
            status=status,
            now_ms=self._clock.now_ms(),
        )
