"""How messages are named and marked in every store, whatever speaks to it.

A name is the same for every attempt, so that a store which never overwrites keeps each message once. Whatever
comes from a tenant is checked before it gets here (`Prefix`; a subscription's data model; ids are ours), so that a
name may stand in a path: it has no empty part, and none that is a dot or two.
"""

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.destinations.kinds.kind import Item

MOST_PREFIX_BYTES = 512
MOST_METADATA_CHARACTERS = 400
"""Of one value, percent-encoded: S3 takes 2 KB of metadata in all."""
PROBE = "_waypost-probe-"

_HALF_ESCAPE = re.compile(r"%[0-9A-F]?\Z")


def _prefix(value: str) -> str:
    parts = value.split("/")
    if "\\" in value or any(part.endswith(".") for part in parts[:-1]) or parts[-1] in {".", ".."}:
        message = "A file name prefix has no backslash and no part that is a dot or two, or ends in a dot."
        raise PydanticCustomError("invalid_prefix", message)
    if any(not part for part in parts[:-1]):
        message = "A file name prefix does not begin with a slash and has no two in a row."
        raise PydanticCustomError("invalid_prefix", message)
    if not value.isprintable():
        message = "A file name prefix has no control or invisible characters."
        raise PydanticCustomError("invalid_character", message)
    if len(value.encode()) > MOST_PREFIX_BYTES:
        message = f"A file name prefix has at most {MOST_PREFIX_BYTES} bytes."
        raise PydanticCustomError("too_long", message)
    return value


Prefix = Annotated[
    str,
    StringConstraints(max_length=MOST_PREFIX_BYTES),
    AfterValidator(_prefix),
    Field(
        description="Put before every object's name; with a `/` at its end, files go into a folder. At most"
        f" {MOST_PREFIX_BYTES} bytes, no backslash, no empty part and none that ends in a dot."
    ),
]


def name_of(prefix: str, item: Item) -> str:
    """The message's name: the same for every attempt, and in one subscription sorted as sent."""
    day = datetime.fromtimestamp(item.accepted_at / 1000, UTC).date().isoformat()
    folder = item.data_model.replace(" ", "-")
    return f"{prefix}{folder}/{item.subscription_id}/{day}/{item.seq:020}-{item.log_id}.json"


def probe_name(prefix: str, probe_id: str) -> str:
    """The name of a probe: in the folder of the messages, and beginning with `_`, which readers leave out."""
    folder, slash, _ = prefix.rpartition("/")
    return f"{folder}{slash}{PROBE}{probe_id}"


def metadata_of(item: Item) -> dict[str, str]:
    """What every object is marked with. Names are plain words, as Azure wants them; values fit into a header.

    The length is that of the attempt that wrote the object: a later one may differ, when a source or destination
    has been renamed meanwhile.
    """
    values = {
        "source": item.source_id,
        "datamodel": item.data_model,
        "eventtype": item.event_type,
        "logid": item.log_id,
        "sequence": str(item.seq),
        "length": str(len(item.body)),
    }
    return {name: header_safe(value) for name, value in values.items()}


def header_safe(value: str) -> str:
    """The text percent-encoded (UTF-8) where a header cannot carry it, and not too long."""
    return _HALF_ESCAPE.sub("", quote(value, safe="/:@!$&'()*+,;=^|~")[:MOST_METADATA_CHARACTERS])
