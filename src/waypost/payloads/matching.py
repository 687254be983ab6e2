"""Whether a message has what is searched for: in its values, not in the names of members. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode

MEMBERS = {"patient": frozenset({"patient", "patients"})}
"""Which top-level members a category looks into; one that is not here looks everywhere."""


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of text to be found, in any case; `category` narrows where."""

    value: str
    category: str | None = None


def matches(body: bytes, terms: Sequence[Term]) -> bool:
    """Whether every term is found in the message. A body that is no JSON object has nothing."""
    try:
        message = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(message, dict) and all(_found(message, term) for term in terms)


def _found(message: dict[str, Any], term: Term) -> bool:
    wanted, members = term.value.casefold(), MEMBERS.get((term.category or "").casefold())
    within = [value for name, value in message.items() if members is None or name.casefold() in members]
    return any(wanted in value.casefold() for value in _texts(within))


def _texts(value: Any) -> Iterator[str]:
    """Every text and number in it, as text."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            left.extend(here.values())
        elif isinstance(here, list):
            left.extend(here)
        elif isinstance(here, str):
            yield here
        elif isinstance(here, int | float) and not isinstance(here, bool):
            yield str(here)
