"""Verify destination: an endpoint proves by a handshake that its owner wants messages; a store takes a probe."""

from dataclasses import dataclass
from typing import Any

from waypost.access import Caller
from waypost.destinations import handshake
from waypost.destinations.handshake import Exchange, Handshake
from waypost.destinations.model import Destination, DestinationVerify
from waypost.destinations.probing import Prober
from waypost.destinations.secrets import Secrets
from waypost.destinations.service import Destinations
from waypost.egress import identity
from waypost.egress.client import Answer, Client, Unreached
from waypost.errors import Conflict, Fault, Invalid
from waypost.ids import random_id
from waypost.validation import check

TIMEOUT_SECONDS = 10


class NotVerified(Conflict):
    """The endpoint did not answer the challenge. The `exchange` is there when something was sent."""

    code = "not_verified"

    def __init__(self, detail: str, exchange: Exchange | None = None) -> None:
        super().__init__(detail)
        self.exchange = exchange


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified destination, what was said for it, and what is not as it should be all the same."""

    destination: Destination
    warnings: tuple[str, ...] = ()
    exchange: Exchange | None = None


class Verifier:
    """Verifies destinations."""

    def __init__(
        self, destinations: Destinations, client: Client, prober: Prober, *, application_name: str
    ) -> None:
        self._destinations = destinations
        self._client = client
        self._prober = prober
        self._application_name = application_name

    async def verify(self, caller: Caller, destination_id: str, raw: Any) -> Verified:
        """Challenge the endpoint, or write and remove a probe in the store. Raises NotVerified."""
        destination, secrets = await self._destinations.secrets(caller, destination_id)
        if destination.is_cloud:
            return await self._probe(caller, destination, secrets, raw)
        return await self._challenge(caller, destination, secrets, raw)

    async def _probe(self, caller: Caller, destination: Destination, secrets: Secrets, raw: Any) -> Verified:
        given, faults = check(DestinationVerify, raw)
        detail = "A cloud destination is verified by a probe: leave this out."
        faults += [
            Fault(f"/{name}", "cloud_destination", detail) for name in (given.model_fields_set if given else ())
        ]
        if destination.lacks_credential:
            faults.append(Fault("/authCredential", "required", "Give the destination an auth credential first."))
        if faults:
            raise Invalid(faults)
        method = destination.verification.method
        probed = await self._prober.probe(destination, secrets)
        did = "to be written" if probed.failure else "written, looked at and removed"
        exchange = Exchange(f"The object {probed.name}: {did}") if probed.name else None
        if probed.failure is not None:
            await self._destinations.not_verified(caller, destination.id, method)
            raise NotVerified(f"The destination was not verified. {probed.failure}", exchange)
        changed = await self._destinations.verified(caller, destination, {}, method)
        return Verified(changed, probed.warnings, exchange)

    async def _challenge(self, caller: Caller, destination: Destination, secrets: Secrets, raw: Any) -> Verified:
        """The handshake; only on success are the sent values stored."""
        given, faults = check(DestinationVerify, raw)
        sent = given.model_dump(exclude_unset=True, exclude_none=True) if given else {}
        method = sent.pop("verificationMethod", destination.verification.method)
        endpoint = sent.get("endpoint", destination.endpoint)
        token = sent.get("verificationToken", secrets.token)
        faults += self._missing(destination, endpoint, token)
        if given is None or faults or endpoint is None or token is None:
            raise Invalid(faults)
        made = Handshake(method, endpoint, token, random_id(), self._application_name)
        answer = await self._send(destination, secrets, made)
        fault, exchange = handshake.fault(made, answer), handshake.exchange(made, answer)
        if fault is not None:
            await self._destinations.not_verified(caller, destination.id, method)
            raise NotVerified(fault, exchange)
        changed = await self._destinations.verified(caller, destination, sent, method)
        return Verified(changed, exchange=exchange)

    def _missing(self, destination: Destination, endpoint: str | None, token: str | None) -> list[Fault]:
        if endpoint is None:
            faults = [Fault("/endpoint", "required", "The destination has no endpoint yet; send one.")]
        else:
            faults = self._destinations.endpoint_faults(destination, endpoint)
        if token is None:
            detail = "The destination has no verification token yet; send one."
            faults.append(Fault("/verificationToken", "required", detail))
        return faults

    async def _send(self, destination: Destination, secrets: Secrets, made: Handshake) -> Answer | Unreached:
        url, headers, body = handshake.request(made)
        certificates = destination.tls
        context = identity.context(
            certificates.ca_certificate, certificates.client_certificate, secrets.client_key
        )
        return await self._client.within(destination.egress).send(
            made.method,
            url,
            headers=headers,
            body=body,
            timeout_seconds=TIMEOUT_SECONDS,
            https_only=not destination.is_development,
            tls=context,
        )
