"""Which patients a message names: what keys its child queues. Pure.

A rule's path, `Patient.Identifiers`, leads to lists of `{ID, IDType}`, through other lists where there are any.
Identifiers that the patient had before a merge stand beside them, as `PreviousIdentifiers`, and count too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from waypost.messages.model import MessageInvalid
from waypost.subscriptions.model import path_steps

MOST_PATIENTS = 64

_DECODE = msgspec.json.Decoder().decode


def identifiers(body: bytes, rule: Mapping[str, Any]) -> list[str]:
    """The distinct identifiers of the rule's type, in the order of the message. Raises MessageInvalid."""
    names, kind = path_steps(rule["path"]) or (), rule["identifierType"].strip().casefold()
    last = names[-1] if names else ""
    try:
        holders = list(_reached(_DECODE(body), names[:-1]))
    except (msgspec.DecodeError, RecursionError):
        raise MessageInvalid("The body is not one well-formed JSON object in UTF-8.") from None
    found: dict[str, None] = {}
    for holder in holders:
        for listed in (holder.get(last), holder.get(f"Previous{last}")):
            found |= dict.fromkeys(_of_type(listed, kind))
    if len(found) > MOST_PATIENTS:
        raise MessageInvalid(f"The message names more than {MOST_PATIENTS} patients; child queues take no more.")
    return list(found)


def _reached(value: Any, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of the way."""
    if isinstance(value, list):
        for each in value:
            yield from _reached(each, names)
    elif isinstance(value, dict):
        if not names:
            yield value
        else:
            yield from _reached(value.get(names[0]), names[1:])


def _of_type(listed: Any, kind: str) -> Iterator[str]:
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("IDType"), str):
            value = each.get("ID")
            text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            if each["IDType"].strip().casefold() == kind and isinstance(text, str) and text.strip():
                yield text.strip()
