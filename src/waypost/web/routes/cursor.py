"""Opaque `_cursor` values: a position in a listing, as text that a client only hands back."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec

from waypost.errors import Fault, Invalid

Position = tuple[int, str]

_Stored = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""As much as a store's integers hold."""

_decoder: msgspec.json.Decoder[Position] = msgspec.json.Decoder(tuple[_Stored, str])


def write(position: Position) -> str:
    """The cursor of a position."""
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read(text: str | None) -> Position | None:
    """The position of a cursor, None for none. Raises Invalid."""
    if text is None:
        return None
    try:
        return _decoder.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise invalid() from None


def invalid() -> Invalid:
    """The error for what no page of the list gave."""
    return Invalid([Fault("/_cursor", "invalid_cursor", "This is not a cursor that a page of this list gave.")])
