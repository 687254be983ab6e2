"""Sending a request under a credential: what the credential says of a header wins, and a token is renewed once."""

import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost import signatures
from waypost.credentials.authorization import Authorized, Authorizer, NotAuthorized
from waypost.credentials.model import Credential
from waypost.credentials.strategies.strategy import Outgoing
from waypost.egress.client import Answer, Client, Unreached
from waypost.egress.lists import OPEN, EgressList


@dataclass(frozen=True, slots=True)
class Under:
    """What requests to one destination are sent under; `secrets` are the credential's, opened."""

    credential: Credential | None
    secrets: Mapping[str, str] = field(repr=False)
    timeout_seconds: float
    https_only: bool
    tls: ssl.SSLContext | None
    egress: EgressList = OPEN


class Sender:
    """Authorizes requests and sends them."""

    def __init__(self, client: Client, authorizer: Authorizer) -> None:
        self._client = client
        self._authorizer = authorizer

    async def send(self, outgoing: Outgoing, under: Under) -> Answer | str:
        """The answer, or why there is none. A 401 drops the credential's token and is tried once more."""
        authorized = await self._authorize(outgoing, under)
        if isinstance(authorized, NotAuthorized):
            return f"No authorization: {authorized.reason}."
        answer = await self._call(outgoing, under, authorized)
        if isinstance(answer, Answer) and answer.status == 401 and under.credential is not None:
            self._authorizer.forget(under.credential.id, authorized)
            authorized = await self._authorize(outgoing, under)
            if isinstance(authorized, NotAuthorized):
                return f"No authorization: {authorized.reason}."
            answer = await self._call(outgoing, under, authorized)
        return answer.reason if isinstance(answer, Unreached) else answer

    async def _authorize(self, outgoing: Outgoing, under: Under) -> Authorized | NotAuthorized:
        if under.credential is None:
            return Authorized({})
        return await self._authorizer.authorize(
            under.credential,
            under.secrets,
            https_only=under.https_only,
            request=outgoing,
            egress=under.egress,
        )

    async def _call(self, outgoing: Outgoing, under: Under, authorized: Authorized) -> Answer | Unreached:
        return await self._client.within(under.egress).send(
            outgoing.method,
            authorized.url(outgoing.url),
            headers=merged(outgoing.headers, authorized.headers),
            body=outgoing.body,
            timeout_seconds=under.timeout_seconds,
            https_only=under.https_only,
            tls=under.tls,
        )


@dataclass(frozen=True, slots=True)
class Carrier:
    """A sender to one destination: what its port is handed, and its only way out."""

    sender: Sender
    under: Under

    @property
    def timeout_seconds(self) -> float:
        """How long `send` waits. A port that sends nothing keeps to it by itself."""
        return self.under.timeout_seconds

    def send(self, outgoing: Outgoing) -> Coroutine[Any, Any, Answer | str]:
        """The answer, or why there is none, in words for an operator."""
        return self.sender.send(outgoing, self.under)


def merged(ours: Mapping[str, str], authorizing: Mapping[str, str]) -> dict[str, str]:
    """Both, however names are spelled: what authorizes wins, but for the signature, which is nobody else's."""
    if not authorizing:
        return dict(ours)
    given = {name.lower(): (name, value) for name, value in ours.items()}
    signed = given.keys() & {signatures.ID, signatures.TIMESTAMP, signatures.SIGNATURE}
    given |= {name.lower(): (name, value) for name, value in authorizing.items() if name.lower() not in signed}
    return dict(given.values())
