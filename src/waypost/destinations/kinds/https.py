"""HTTPS: a message is a POST to the destination's endpoint, with the documented headers."""

import re
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

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
    """An endpoint. `bearer`: the token is the authorization too. `only_200`: other 2xx are failures."""

    url: str
    token: str | None = field(repr=False)
    bearer: bool
    only_200: bool
    application_name: str

    def put(self, item: Item) -> Outgoing:
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
        return Outgoing("POST", self.url, headers, item.body)

    def judge(self, item: Item, answer: Answer) -> Taken | Refused:
        """Status decides."""
        status = answer.status
        accepted = status == 200 if self.only_200 else 200 <= status < 300
        return Taken(status) if accepted else Refused(f"The endpoint answered {said(status)}.{_hint(status)}")


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
