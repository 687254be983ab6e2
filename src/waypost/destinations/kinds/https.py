"""HTTPS: a message is a POST to the destination's endpoint, with the documented headers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost import signatures
from waypost.credentials.sending import Carrier
from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import Item, Kind, Refused, Taken, said
from waypost.egress.client import Answer
from waypost.validation import Body

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def _token(value: str) -> str:
    if not _VISIBLE_ASCII.fullmatch(value):
        raise PydanticCustomError("invalid_character", "A verification token is visible ASCII, without spaces.")
    return value


Token = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_token)]
EndpointUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
"""Checked against the egress policy by the service, which knows the environment."""


class HttpsSettings(Body):
    """What an HTTPS destination has, in the destination itself."""

    endpoint: EndpointUrl = Field(
        description="An absolute `https://` URL (`http://` in Development only) that the egress policy allows."
    )
    verificationToken: Token | None = Field(
        None,
        description="Sent in `verification-token`, and as bearer when there is no credential; never returned.",
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. `bearer`: the token is the authorization too. `only_200`: other 2xx are failures.

    `signing` are the secrets that sign at `now_ms`.
    """

    url: str
    token: str | None = field(repr=False)
    bearer: bool
    only_200: bool
    application_name: str
    signing: Sequence[str] = field(repr=False)
    now_ms: int

    async def deliver(self, item: Item, carrier: Carrier) -> Taken | Refused:
        """One POST; its status decides."""
        answer = await carrier.send(self.post(item))
        return Refused(answer) if isinstance(answer, str) else self.judge(answer)

    def post(self, item: Item) -> Outgoing:
        """The POST; a credential brings `authorization`, the token fills it otherwise."""
        headers = {
            "Content-Type": "application/json",
            "application-name": self.application_name,
            "waypost-sequence": str(item.seq),
        }
        if item.replay_of is not None:
            headers["waypost-replay-of"] = item.replay_of
        if self.token is not None:
            headers["verification-token"] = self.token
            if self.bearer:
                headers["authorization"] = f"Bearer {self.token}"
        if self.signing:
            headers |= signatures.headers(item.log_id, self.now_ms, item.body, self.signing)
        return Outgoing("POST", self.url, headers, item.body)

    def judge(self, answer: Answer) -> Taken | Refused:
        """What an answer means."""
        status = answer.status
        if status == 200 or (200 <= status < 300 and not self.only_200):
            return Taken(status)
        return Refused(f"The endpoint answered {said(status)}.{_hint(status)}", answer)


def _hint(status: int) -> str:
    if status in {401, 403}:
        return " Check the destination's credential or verification token."
    if 300 <= status < 400:
        return " Redirects are not followed: give the destination its final URL."
    return ""


KIND = Kind(
    name="https",
    title="HTTPS",
    about="A POST of each message to the destination's `endpoint`, answered with 2xx.",
    settings=HttpsSettings,
    never=("AzureSharedKey", "AzureSAS"),
)
