"""What all object stores share: one object a message, its name and metadata, and when an object is the message.

One create-only put writes the whole object, so there is never a part of one, and nothing is ever written twice:
readers that take a name once (Databricks Auto Loader) see every message once. When the name is there already, an
attempt before this one may have put it there without our hearing of it; the object's metadata tells.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, ClassVar
from urllib.parse import quote

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import Item, Refused, Taken, There, said
from waypost.egress.client import Answer

MOST_PREFIX_BYTES = 512
MOST_METADATA_CHARACTERS = 400
"""Of one value, percent-encoded: S3 takes 2 KB of metadata in all."""
PROBE = "_waypost-probe-"
JSON = "application/json"

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
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


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there: its metadata, and its length in bytes (None when the store did not say)."""

    metadata: Mapping[str, str]
    length: int | None


class ObjectStore(ABC):
    """One container or bucket. A subclass says how its service is spoken to."""

    service: ClassVar[str]
    hints: ClassVar[dict[str, str]]
    """The service's error codes that we can say more about."""
    look_needs: ClassVar[str]
    """The right that looking at an object needs."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def put(self, item: Item) -> Outgoing:
        """The request that creates the message's object."""
        return self.write(self.name_of(item), item.body, metadata_of(item))

    def judge(self, item: Item, answer: Answer) -> Taken | Refused | There:
        """What the answer to `put` means."""
        if 200 <= answer.status < 300:
            return Taken(answer.status)
        if self.exists(answer):
            return There(self.look(self.name_of(item)), partial(self._same, item))
        return Refused(self.refusal(answer))

    def name_of(self, item: Item) -> str:
        """The object's name: the same for every attempt, and in one subscription sorted as sent."""
        day = datetime.fromtimestamp(item.accepted_at / 1000, UTC).date().isoformat()
        folder = item.data_model.replace(" ", "-")
        return f"{self._prefix}{folder}/{item.subscription_id}/{day}/{item.seq:020}-{item.log_id}.json"

    def probe_name(self, probe_id: str) -> str:
        """The name of a probe: in the folder of the messages, and beginning with `_`, which readers leave out."""
        folder, slash, _ = self._prefix.rpartition("/")
        return f"{folder}{slash}{PROBE}{probe_id}"

    def refusal(self, answer: Answer) -> str:
        """What the service said, and what can be done about it."""
        code = self.code(answer)
        named = f" ({code})" if code else ""
        hint = self.hints.get(code or "") or self.hints.get(str(answer.status), "")
        return f"{self.service} answered {said(answer.status)}{named}. {hint}".strip()

    @abstractmethod
    def write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> Outgoing:
        """The request that creates an object, unless there is one of the name."""

    @abstractmethod
    def look(self, name: str) -> Outgoing:
        """The request for what is known of an object."""

    @abstractmethod
    def remove(self, name: str) -> Outgoing:
        """The request that deletes an object."""

    @abstractmethod
    def exists(self, answer: Answer) -> bool:
        """Whether the answer to `write` says that the name is taken."""

    @abstractmethod
    def found(self, answer: Answer) -> Found:
        """What a good answer to `look` says."""

    def code(self, answer: Answer) -> str | None:
        """The service's own word for what is wrong."""
        match = _CODE.search(answer.body)
        return match[1].decode() if match else None

    def rewrite(self, item: Item) -> Outgoing | None:
        """The request that creates an object where something unfinished has the name; None where none can be."""
        return None

    def _rewritten(self, answer: Answer) -> Taken | Refused:
        return Taken(answer.status) if 200 <= answer.status < 300 else Refused(self.refusal(answer))

    def _same(self, item: Item, answer: Answer) -> Taken | Refused | There:
        """Whether the object that is there is this message, whole."""
        there = f"There is an object {self.name_of(item)} already"
        if answer.status == 404 and (again := self.rewrite(item)) is not None:
            return There(again, self._rewritten)
        if not 200 <= answer.status < 300:
            may = f" The credential needs {self.look_needs}." if answer.status in {401, 403} else ""
            return Refused(f"{there}, and it cannot be looked at: {self.refusal(answer)}{may}")
        found = self.found(answer)
        if found.metadata.get("logid") != item.log_id:
            return Refused(f"{there}, which is not this message: its log id is another. {_NOT_OVERWRITTEN}")
        if found.length is None or found.metadata.get("length") != str(found.length):
            return Refused(f"{there}, which is not this message as it was written: its length. {_NOT_OVERWRITTEN}")
        return Taken(answer.status)


_NOT_OVERWRITTEN = "Nothing was overwritten: move it away, or skip the message."


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


def path_of(name: str) -> str:
    """An object's name as it stands in a URL's path."""
    return quote(name, safe="/-._~")


def marked(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The metadata among the headers of an answer."""
    return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}


def length_of(headers: Mapping[str, str]) -> int | None:
    """What `Content-Length` says."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
