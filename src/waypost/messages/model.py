"""What of a message Waypost reads: its `Meta`. The rest travels as the bytes that came in. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

MOST_DESTINATIONS = 100
MOST_MEMBERS = 10_000

_SPACE = re.compile(rb"[ \t\r\n]*")
# Possessive: without, a key of megabytes costs a gigabyte of places to come back to.
_KEY = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_AROUND_A_NAME = len('"":')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE = msgspec.json.Encoder().encode


class MessageInvalid(Exception):
    """The body is not a message we can carry; the text says why, and repeats nothing of it."""


class Ref(msgspec.Struct):
    """A source or destination as `Meta` names it."""

    ID: str | None = None


class Meta(msgspec.Struct):
    """The members of `Meta` that decide where a message goes; others are carried as they are."""

    DataModel: str | None = None
    EventType: str | None = None
    Source: Ref | None = None
    Destinations: list[Ref] | None = None
    FacilityCode: str | None = None


_META = msgspec.json.Decoder(Meta)


@dataclass(frozen=True, slots=True)
class Message:
    """A readable message: its bytes, where `Meta` lies in them, and what `Meta` says."""

    body: bytes
    meta_start: int
    meta_end: int
    data_model: str
    event_type: str
    source_id: str | None
    destination_ids: tuple[str, ...]
    facility_code: str | None


def meta_span(body: bytes) -> tuple[int, int]:
    """Where the value of the top-level `Meta` begins and ends in the body. Raises MessageInvalid."""
    members = _members(body)
    if "Meta" not in members:
        raise MessageInvalid("The message has no Meta.")
    if len(members) > MOST_MEMBERS:
        raise MessageInvalid(f"The message has more than {MOST_MEMBERS} members.")
    return _compact_span(body, members) or _span(body, members)


def _compact_span(body: bytes, members: Mapping[str, msgspec.Raw]) -> tuple[int, int] | None:
    """The span by the members' lengths alone, as most senders write; None when they are not all that there is.

    White space, an escape in a name and a member that comes twice each make the body longer than that. Names
    are counted in characters, so that one outside of ASCII does, too.
    """
    at, start = 1, 0
    for name, raw in members.items():
        at += len(name) + _AROUND_A_NAME
        if name == "Meta":
            start = at
        at += len(raw) + 1  # the comma, or the brace that ends it all
    return (start, start + len(members["Meta"])) if at == len(body) else None


def _span(body: bytes, members: Mapping[str, msgspec.Raw]) -> tuple[int, int]:
    """The span by walking through the body. Raises MessageInvalid for a member that comes twice."""
    span, at = (0, 0), _skip(body, 0)
    for name, raw in members.items():
        key = _KEY.match(body, _skip(body, at + 1))
        value = memoryview(raw)
        if key is None or body[key.end() : key.end() + len(value)] != value:
            raise MessageInvalid("The message has a member twice.")
        at = _skip(body, key.end() + len(value))
        if name == "Meta":
            span = key.end(), key.end() + len(value)
    if body[at : at + 1] != b"}":
        raise MessageInvalid("The message has a member twice.")
    return span


def read(body: bytes) -> Message:
    """The message in a body. Raises MessageInvalid."""
    start, end = meta_span(body)
    try:
        meta = _META.decode(body[start:end])
    except (msgspec.DecodeError, RecursionError):
        raise MessageInvalid("Meta has a member of the wrong type.") from None
    source = meta.Source.ID if meta.Source else None
    return Message(
        body=body,
        meta_start=start,
        meta_end=end,
        data_model=_required("DataModel", meta.DataModel, 64),
        event_type=_required("EventType", meta.EventType, 128),
        source_id=source.lower() if source else None,
        destination_ids=_destinations(meta.Destinations or []),
        facility_code=_line("FacilityCode", meta.FacilityCode, 128),
    )


def is_query(event_type: str) -> bool:
    """Whether the event asks for an answer (sync); such events end in `Query`, or are `DocumentGet`."""
    word = event_type.casefold()
    return word.endswith("query") or word == "documentget"


def with_meta(body: bytes, start: int, end: int, members: dict[str, Any]) -> bytes:
    """The body with these members of its `Meta` set, every other byte as it was. Raises MessageInvalid."""
    merged: dict[str, Any] = {**_members(body[start:end]), **members}
    return body[:start] + _ENCODE(merged) + body[end:]


def _members(data: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, their values unread but well-formed. Raises MessageInvalid."""
    try:
        if not data.isascii():
            data.decode()  # msgspec does not look into the strings that it skips
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MessageInvalid("The body is not one well-formed JSON object in UTF-8.") from None


def _required(name: str, value: str | None, most: int) -> str:
    if not value:
        raise MessageInvalid(f"Meta.{name} is required.")
    return _line(name, value, most) or value


def _line(name: str, value: str | None, most: int) -> str | None:
    """The value, when it is one line of so many characters at most."""
    if value is not None and (len(value) > most or _CONTROL.search(value)):
        raise MessageInvalid(f"Meta.{name} is one line of at most {most} characters.")
    return value


def _destinations(refs: Sequence[Ref]) -> tuple[str, ...]:
    ids = tuple(ref.ID.lower() for ref in refs if ref.ID)
    if not ids or len(ids) != len(refs):
        raise MessageInvalid("Meta.Destinations needs an ID for each destination, one at least.")
    if len(ids) > MOST_DESTINATIONS:
        raise MessageInvalid(f"Meta.Destinations takes at most {MOST_DESTINATIONS}.")
    if len(set(ids)) != len(ids):
        raise MessageInvalid("Meta.Destinations names a destination twice.")
    return ids


def _skip(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    return found.end() if found else at
