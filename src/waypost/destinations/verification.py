"""Verify destination: an endpoint proves by a handshake that its owner wants our messages; a store takes a probe.

Wire form from the vendor's pages and its sample receivers: a POST carries token and challenge in the body
and no token header; a GET carries both in the query, and the token in the header too.
"""

import html
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
_TOKEN = "[token]"  # noqa: S105 - what stands in its place
_REPEATED = "Its answer repeats the token, so it is not shown."
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent without the token, and what came back: a status, and the beginning of the answer, escaped."""

    sent: str
    status: int | None = None
    answer: str = ""


class NotVerified(Conflict):
    """The endpoint did not answer the challenge. The `exchange` is there when something was sent."""

    code = "not_verified"

    def __init__(self, detail: str, exchange: Exchange | None = None) -> None:
        super().__init__(detail)
        self.exchange = exchange


@dataclass(frozen=True, slots=True)
class _Handshake:
    method: Method
    endpoint: str
    token: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified destination, what was said for it, and what is not as it should be all the same."""

    destination: Destination
    warnings: tuple[str, ...] = ()
    exchange: Exchange | None = None


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
        return await self._challenge(caller, destination, secrets, raw)

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
        handshake = _Handshake(method, endpoint, token, str(uuid.uuid4()))
        answer = await self._send(destination, secrets, handshake)
        fault = _fault(handshake, answer)
        exchange = _exchange(handshake, self._application_name, answer)
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


def _exchange(handshake: _Handshake, application_name: str, answer: Answer | Unreached) -> Exchange:
    """The handshake to be shown: our request with `[token]` in the token's place, and the answer."""
    url, headers, body = _request(replace(handshake, token=_TOKEN), application_name)
    if _plain(handshake.token) in _plain(handshake.endpoint):
        url = "(the endpoint, which has the token in it)"
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = "\n".join([f"{handshake.method} {url}", *lines, *(["", body.decode()] if body else [])])
    sent = text.replace(quote(_TOKEN), _TOKEN)
    if isinstance(answer, Unreached):
        return Exchange(sent)
    shown = _without(handshake.token, _beginning(answer))
    return Exchange(sent, answer.status, _REPEATED if shown is None else _escaped(shown))


def _quoted(answer: Answer, token: str) -> str:
    """The beginning of the answer, escaped, with the token that we sent taken out of it."""
    if not answer.body:
        return " Its answer was empty."
    text = _without(token, _beginning(answer))
    return f" {_REPEATED}" if text is None else f" It said: {_escaped(text)}"


def _beginning(answer: Answer) -> str:
    return answer.body[: MOST_ANSWER_CHARACTERS * 4].decode(errors="replace")


def _without(token: str, text: str) -> str | None:
    """The text with the token taken out of it; None where it may still be in there, spelled in another way."""
    text = _repeated(token).sub(lambda _: _TOKEN, text)
    return None if _plain(token) in _plain(text) else text


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")[:MOST_ANSWER_CHARACTERS]


def _repeated(token: str) -> re.Pattern[str]:
    """The token as an answer usually repeats it: plain, in a URL, in JSON, in HTML; the longest spelling first."""
    spellings = {token, quote(token), quote(token, safe=""), json.dumps(token)[1:-1], html.escape(token)}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(re.escape(spelling) for spelling in longest_first), re.IGNORECASE)


def _plain(text: str) -> str:
    """The text with escapes of any of these kinds undone, even mixed ones."""
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return html.unescape(unquote(text)).replace("\\", "")
