"""`Header` (ours): one header with a secret value, such as `X-Api-Key`, with every request."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.fields import Secret
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy

RESERVED = frozenset(
    {
        "accept", "accept-encoding", "application-name", "connection", "content-encoding", "content-length",
        "content-type", "date", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "verification-token",
        "via",
    }
)  # fmt: skip
"""Headers that Waypost sets, or that belong to a connection (RFC 9110, 7.6.1)."""
RESERVED_BEGINNINGS = ("waypost-", "webhook-")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def _name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise PydanticCustomError("invalid_character", "A header's name is letters, digits and hyphens.")
    if value.lower() in RESERVED or value.lower().startswith(RESERVED_BEGINNINGS):
        raise PydanticCustomError("reserved_header", "Waypost or the connection sets this header; take another.")
    return value


def _value(value: str) -> str:
    if not _VALUE.fullmatch(value):
        message = "A header's value is visible ASCII, with spaces only between; check what was pasted."
        raise PydanticCustomError("invalid_character", message)
    return value


class Header(Fields):
    """A header with a secret value."""

    headerName: Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_name)] = Field(
        description="The header's name."
    )
    headerValue: Annotated[
        str, Secret(), StringConstraints(min_length=1, max_length=8192), AfterValidator(_value)
    ] = Field(description="Its value; never returned.", repr=False, json_schema_extra={"writeOnly": True})


async def authorize(fields: Header, occasion: Occasion) -> Grant | NotAuthorized:
    """The header, for ever."""
    return Grant({fields.headerName.lower(): fields.headerValue})


STRATEGY = Strategy("Header", Header, authorize, each_time=True, ours=True)
