"""What can be done with destinations. One method a use case, one commit each, audited in it."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from waypost import etags
from waypost.access import ANY_ROLE, ENGINEER, OWNER, Caller, require_environment, require_organization
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.credentials import store as credentials
from waypost.db.database import Database, Tx
from waypost.destinations import changes, model, store
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets, open_secrets, seal_secrets
from waypost.egress import identity
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid
from waypost.ids import is_uuid, new_id
from waypost.validation import check, checked, unchanged
from waypost.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Pending:
    """What the rooms above do when a destination goes: count what is pending in its queues, and end it."""

    count: Callable[[Tx, str], int]
    end: Callable[[Tx, str, int, str], int]


class Destinations:
    """The destinations of every environment."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        policy: Policy,
        *,
        wake: Callable[[str], None],
        waiting: Pending,
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._policy = policy
        self._wake = wake
        self._waiting = waiting

    async def of_environment(self, caller: Caller, environment_id: str) -> list[Destination]:
        """The environment's destinations, oldest first."""
        require_environment(caller, environment_id, ANY_ROLE)
        return await self._db.read(lambda tx: store.list_of(tx, environment_id))

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
            faults += self._reference_faults(tx, environment, raw)
            if isinstance(raw, Mapping) and (ref := raw.get("environment")) not in (None, _ref(environment)):
                detail = "This is not the environment in the path."
                faults += [Fault("/environment", "environment_mismatch", detail)] if isinstance(ref, dict) else []
            if given is None or faults:
                raise Invalid(faults)
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
        await self._prepare(destination_id)

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            etags.require(if_match, current.etag)
            environment = environments.get(tx, current.environment_id)
            patch = self._checked_patch(tx, environment, current, raw)
            return self._apply(tx, caller, environment, current, patch.model_dump(exclude_unset=True))

        return await self._change_and_wake(change)

    async def delete(self, caller: Caller, destination_id: str, *, reason: str | None = None) -> None:
        """Delete a destination and its subscriptions. What is pending needs a reason, and ends skipped."""

        def change(tx: Tx) -> None:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            if current.flag is environments.Flag.production:
                require_organization(caller, environment.organization_id, OWNER, "destination")
            waiting = self._waiting.count(tx, destination_id)
            if waiting and not reason:
                detail = f"{waiting} messages are pending; give a reason to end them as skipped."
                raise Conflict(detail, code="messages_pending")
            now = self._clock.now_ms()
            skipped = self._waiting.end(tx, destination_id, now, reason or "")
            store.update(tx, destination_id, {"deleted_at": now, "updated_at": now})
            environments.bump(tx, environment.id)
            details = {
                "id": destination_id,
                "before": changes.audited(current),
                "skipped": skipped,
                "reason": reason,
            }
            self._record(tx, caller, "destination-deleted", environment, details)

        await self._db.write(change)

    async def change_settings(
        self, caller: Caller, destination_id: str, raw: Any, *, if_match: str | None = None
    ) -> Destination:
        """Change what the documented object has no place for: TLS, time-out, what counts as success."""
        await self._prepare(destination_id)

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            etags.require(if_match, current.etag)
            environment = environments.get(tx, current.environment_id)
            given = checked(model.SettingsPatch, raw).model_dump(exclude_unset=True)
            self._require_usable(tx, current, given.get("tls") or {})
            return self._apply(tx, caller, environment, current, given)

        return await self._change_and_wake(change)

    async def put_setup(self, caller: Caller, destination_id: str, raw: Any) -> Destination:
        """Save the progress of the set-up, with settings or endpoint while it is unfinished; null finishes it."""

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            given, faults = check(model.SetupPut, raw)
            faults += self._reference_faults(tx, environment, raw)
            if given is None or faults:
                raise Invalid(faults)
            values = given.model_dump(exclude_unset=True, mode="json")
            moved = values.keys() & {"endpoint", "cloudProviderSettings"}
            if current.setup_state is None and (moved or given.setupState is not None):
                raise Conflict("This destination's set-up is finished; update it instead.", code="setup_finished")
            both = {"endpoint": current.endpoint, "cloudProviderSettings": current.cloud} | values
            if both["endpoint"] is not None and both["cloudProviderSettings"] is not None:
                detail = "A destination has an endpoint or cloudProviderSettings, not both."
                raise Invalid([Fault("/endpoint", "one_kind", detail)])
            return self._apply(tx, caller, environment, current, values)

        return await self._change_and_wake(change)

    async def verified(
        self, caller: Caller, destination_id: str, sent: Mapping[str, Any], method: model.Method, *, ok: bool
    ) -> Destination:
        """Record what a handshake came to; only a verified one stores the values that were sent for it."""
        await self._prepare(destination_id)

        def change(tx: Tx) -> tuple[Destination, bool]:
            current = self._in_reach(tx, caller, destination_id, ENGINEER)
            environment = environments.get(tx, current.environment_id)
            now = self._clock.now_ms()
            if not ok:
                details = {"id": destination_id, "method": method, "verified": False}
                self._record(tx, caller, "destination-verified", environment, details, status="attempted")
                return current, False
            verification = model.Verification("verified", now, method)
            changed = self._write(tx, current, dict(sent), verification)
            details = {"id": destination_id, "method": method, "verified": True} | changes.difference(
                current, changed, sent
            )
            self._record(tx, caller, "destination-verified", environment, details)
            return changed, bool(sent)

        return await self._change_and_wake(change)

    async def secrets(self, caller: Caller, destination_id: str) -> tuple[Destination, Secrets]:
        """A destination with its secrets opened, for a handshake."""

        def opened(tx: Tx) -> tuple[Destination, Secrets]:
            found = self._in_reach(tx, caller, destination_id, ENGINEER)
            return found, open_secrets(tx, self._vault, store.row(tx, destination_id))

        return await self._db.read(opened)

    def endpoint_fault(self, destination: Destination, endpoint: str) -> Fault | None:
        """What is wrong with an endpoint for this destination, if anything."""
        return self._policy.fault(endpoint, https_only=not destination.is_development, pointer="/endpoint")

    async def _change_and_wake(self, change: Callable[[Tx], tuple[Destination, bool]]) -> Destination:
        destination, woken = await self._db.write(change)
        if woken:
            self._wake(destination.id)
        return destination

    async def _prepare(self, destination_id: str) -> None:
        """A data key to seal with. Unknown destinations are refused later, where the caller's roles count."""
        environment_id = await self._db.read(lambda tx: store.environment_of(tx, destination_id))
        if environment_id is not None:
            await self._vault.prepare(environment_id)

    def _in_reach(self, tx: Tx, caller: Caller, destination_id: str, roles: Any) -> Destination:
        found = store.get(tx, destination_id)
        require_environment(caller, found.environment_id, roles, "destination")
        return found

    def _checked_patch(
        self, tx: Tx, environment: Environment, current: Destination, raw: Any
    ) -> model.DestinationPatch:
        patch, faults = check(model.DestinationPatch, raw)
        faults += self._reference_faults(tx, environment, raw)
        faults += unchanged(raw, current.shown(), model.IMMUTABLE)
        if isinstance(raw, Mapping) and "endpoint" in raw and current.is_cloud:
            detail = "This is a cloud destination: it has no endpoint."
            faults.append(Fault("/endpoint", "cloud_destination", detail))
        if patch is None or faults:
            raise Invalid(faults)
        return patch

    def _require_usable(self, tx: Tx, current: Destination, given: Mapping[str, str | None]) -> None:
        """Raise Invalid when the certificates and the key, as they would be, cannot be used together."""
        key = open_secrets(tx, self._vault, store.row(tx, current.id)).client_key
        ca = given.get("caCertificate", current.tls.ca_certificate)
        certificate = given.get("clientCertificate", current.tls.client_certificate)
        try:
            identity.context(ca, certificate, given.get("clientKey", key))
        except (ssl.SSLError, ValueError):
            detail = "These certificates and this key are not PEM that fits together."
            raise Invalid([Fault("/tls", "invalid_certificate", detail)]) from None

    def _reference_faults(self, tx: Tx, environment: Environment, raw: Any) -> list[Fault]:
        """Faults of values that are well formed but do not fit this environment."""
        if not isinstance(raw, Mapping):
            return []
        faults: list[Fault | None] = []
        endpoint, credential_id = raw.get("endpoint"), raw.get("authCredential")
        if isinstance(endpoint, str) and 0 < len(endpoint) <= 2048:
            https_only = not environment.is_development
            faults.append(self._policy.fault(endpoint, https_only=https_only, pointer="/endpoint"))
        if isinstance(credential_id, str) and is_uuid(credential_id):
            found = credentials.exists_in(tx, environment.id, credential_id.lower())
            if found is None:
                detail = "There is no such auth credential in the destination's environment."
                faults.append(Fault("/authCredential", "unknown_credential", detail))
        return [fault for fault in faults if fault is not None]

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
        secrets = Secrets(given.verificationToken, None)
        store.insert(tx, values | seal_secrets(self._vault, environment.id, destination_id, 1, secrets))
        environments.bump(tx, environment.id)
        return store.get(tx, destination_id)

    def _apply(
        self, tx: Tx, caller: Caller, environment: Environment, current: Destination, given: dict[str, Any]
    ) -> tuple[Destination, bool]:
        """Write what differs, audited; the destination as it is now, and whether anything changed."""
        verification = current.verification
        row = store.row(tx, current.id)
        differs = changes.differing(current, open_secrets(tx, self._vault, row), given)
        if not differs:
            return current, False
        if verification.state == "verified" and differs.keys() & {"endpoint", "verificationToken"}:
            verification = replace(verification, state="stale")
        changed = self._write(tx, current, differs, verification)
        details = {"id": current.id} | changes.difference(current, changed, differs)
        self._record(tx, caller, "destination-updated", environment, details)
        return changed, True

    def _write(
        self, tx: Tx, current: Destination, given: dict[str, Any], verification: model.Verification
    ) -> Destination:
        values: dict[str, Any] = {
            changes.COLUMNS[name]: value for name, value in given.items() if name in changes.COLUMNS
        }
        values |= {
            "updated_at": self._clock.now_ms(),
            "verification_state": verification.state,
            "verification_at": verification.at,
            "verification_method": verification.method,
        }
        certificates = given.get("tls") or {}
        values |= {
            column: certificates[name] for name, column in changes.TLS_COLUMNS.items() if name in certificates
        }
        if "verificationToken" in given or "clientKey" in certificates:
            row = store.row(tx, current.id)
            secrets = open_secrets(tx, self._vault, row)
            secrets = Secrets(
                given.get("verificationToken", secrets.token), certificates.get("clientKey", secrets.client_key)
            )
            version = row.secrets_version + 1
            values |= seal_secrets(self._vault, current.environment_id, current.id, version, secrets)
        store.update(tx, current.id, values)
        if given.keys() & {"name", "setupState"}:  # what intake keeps in memory of a destination
            environments.bump(tx, current.environment_id)
        return store.get(tx, current.id)

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


def _ref(environment: Environment) -> dict[str, str]:
    return {"id": environment.id, "environmentFlag": environment.flag.value}
