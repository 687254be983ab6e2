"""Verify destination: an endpoint proves by a handshake that its owner wants our messages; a store takes a probe.

Wire form from the vendor's pages and its sample receivers: a POST carries token and challenge in the body
and no token header; a GET carries both in the query, and the token in the header too.
"""

import html
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from waypost.access import Caller
from waypost.destinations.model import Destination, DestinationVerify, Method
from waypost.destinations.probing import Prober
from waypost.destinations.secrets import Secrets
from waypost.destinations.service import Destinations
from waypost.egress import identity
from waypost.egress.client import Answer, Client, Unreached
from waypost.errors import Conflict, Fault, Invalid
from waypost.validation import check

TIMEOUT_SECONDS = 10
MOST_ANSWER_CHARACTERS = 512
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class NotVerified(Conflict):
    """The endpoint did not answer the challenge."""

    code = "not_verified"


@dataclass(frozen=True, slots=True)
class _Handshake:
    method: Method
    endpoint: str
    token: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified destination, and what is not as it should be all the same."""

    destination: Destination
    warnings: tuple[str, ...] = ()


class Verification:
    """Verify destination."""

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
        return Verified(await self._challenge(caller, destination, secrets, raw))

    async def _probe(self, caller: Caller, destination: Destination, secrets: Secrets, raw: Any) -> Verified:
        given, faults = check(DestinationVerify, raw)
        detail = "A cloud destination is verified by a probe: leave this out."
        faults += [
            Fault(f"/{name}", "cloud_destination", detail) for name in (given.model_fields_set if given else ())
        ]
        if destination.credential_id is None:
            faults.append(Fault("/authCredential", "required", "Give the destination an auth credential first."))
        if faults:
            raise Invalid(faults)
        method = destination.verification.method
        probed = await self._prober.probe(destination, secrets)
        if probed.failure is not None:
            await self._destinations.not_verified(caller, destination.id, method)
            raise NotVerified(f"The destination was not verified. {probed.failure}")
        return Verified(await self._destinations.verified(caller, destination, {}, method), probed.warnings)

    async def _challenge(
        self, caller: Caller, destination: Destination, secrets: Secrets, raw: Any
    ) -> Destination:
        """The handshake; only on success are the sent values stored."""
        given, faults = check(DestinationVerify, raw)
        sent = given.model_dump(exclude_unset=True, exclude_none=True) if given else {}
        method = sent.pop("verificationMethod", destination.verification.method)
        endpoint = sent.get("endpoint", destination.endpoint)
        token = sent.get("verificationToken", secrets.token)
        faults += self._missing(destination, endpoint, token)
        if given is None or faults or endpoint is None or token is None:
            raise Invalid(faults)
        handshake = _Handshake(method, endpoint, token, str(uuid.uuid4()))
        answer = await self._send(destination, secrets, handshake)
        fault = _fault(handshake, answer)
        if fault is not None:
            await self._destinations.not_verified(caller, destination.id, method)
            raise NotVerified(fault)
        return await self._destinations.verified(caller, destination, sent, method)

    def _missing(self, destination: Destination, endpoint: str | None, token: str | None) -> list[Fault]:
        if endpoint is None:
            faults = [Fault("/endpoint", "required", "The destination has no endpoint yet; send one.")]
        else:
            faults = self._destinations.endpoint_faults(destination, endpoint)
        if token is None:
            detail = "The destination has no verification token yet; send one."
            faults.append(Fault("/verificationToken", "required", detail))
        return faults

    async def _send(self, destination: Destination, secrets: Secrets, handshake: _Handshake) -> Answer | Unreached:
        url, headers, body = _request(handshake, self._application_name)
        certificates = destination.tls
        context = identity.context(
            certificates.ca_certificate, certificates.client_certificate, secrets.client_key
        )
        return await self._client.within(destination.egress).send(
            handshake.method,
            url,
            headers=headers,
            body=body,
            timeout_seconds=TIMEOUT_SECONDS,
            https_only=not destination.is_development,
            tls=context,
        )


def _request(handshake: _Handshake, application_name: str) -> tuple[str, Mapping[str, str], bytes]:
    """URL, headers and body of the challenge."""
    members = {"verification-token": handshake.token, "challenge": handshake.challenge}
    headers = {"application-name": application_name, "Connection": "close"}
    if handshake.method == "POST":
        body = json.dumps(members, separators=(",", ":")).encode()
        return handshake.endpoint, headers | {"Content-Type": "application/json"}, body
    parts = urlsplit(handshake.endpoint)
    query = "&".join(part for part in (parts.query, urlencode(members)) if part)
    return urlunsplit(parts._replace(query=query)), headers | {"verification-token": handshake.token}, b""


def _fault(handshake: _Handshake, answer: Answer | Unreached) -> str | None:
    """Why the handshake failed, in words; None when it did not."""
    if isinstance(answer, Unreached):
        return f"The endpoint was not verified: {answer.reason}"
    if not 200 <= answer.status < 300:
        return f"The endpoint answered {answer.status}, not 2xx.{_quoted(answer, handshake.token)}"
    if handshake.challenge.encode() not in answer.body:
        said = _quoted(answer, handshake.token)
        return f"The endpoint answered {answer.status} without the challenge in its body.{said}"
    return None


def _quoted(answer: Answer, token: str) -> str:
    """The beginning of the answer, escaped, with the token that we sent taken out of it."""
    if not answer.body:
        return " Its answer was empty."
    text = answer.body[: MOST_ANSWER_CHARACTERS * 4].decode(errors="replace")
    text = _repeated(token).sub("[token]", text)
    if _plain(token) in _plain(text):
        return " Its answer repeats the token, so it is not shown."
    escaped = text.encode("unicode_escape").decode("ascii")[:MOST_ANSWER_CHARACTERS]
    return f" It said: {escaped}"


def _repeated(token: str) -> re.Pattern[str]:
    """The token as an answer usually repeats it: plain, in a URL, in JSON, in HTML; the longest spelling first."""
    spellings = {token, quote(token), quote(token, safe=""), json.dumps(token)[1:-1], html.escape(token)}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(re.escape(spelling) for spelling in longest_first), re.IGNORECASE)


def _plain(text: str) -> str:
    """The text with escapes of any of these kinds undone, even mixed ones."""
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return html.unescape(unquote(text)).replace("\\", "")
