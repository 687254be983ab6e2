"""What all object stores share: one object a message, and when an object that is there is the message.

One create-only put writes the whole object, so there is never a part of one, and nothing is ever written twice:
readers that take a name once (Databricks Auto Loader) see every message once. When the name is there already, an
attempt before this one may have put it there without our hearing of it; the object's metadata tells.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from waypost.credentials.sending import Carrier
from waypost.credentials.strategies.strategy import Outgoing
from waypost.destinations.kinds.kind import Item, Probed, Refused, Taken, said
from waypost.destinations.kinds.naming import metadata_of, name_of, probe_name
from waypost.egress.client import Answer
from waypost.ids import random_id

PROBE_BODY = b'{"probe":true}'
JSON = "application/json"

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


@dataclass(frozen=True, slots=True)
class Properties:
    """What a store says of an object: its metadata, and its length in bytes (None when it did not say)."""

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
        self.prefix = prefix

    async def deliver(self, item: Item, carrier: Carrier) -> Taken | Refused:
        """Create the message's object; one that is there already may be it."""
        answer = await carrier.send(self.write(name_of(self.prefix, item), item.body, metadata_of(item)))
        if isinstance(answer, Answer) and self.exists(answer):
            return await self._same(item, carrier)
        return self._written(answer)

    async def probe(self, carrier: Carrier) -> Probed:
        """Write, look at and remove a small object, each as a delivery does it."""
        probe_id = random_id()
        name = probe_name(self.prefix, probe_id)
        marks = {"logid": probe_id, "length": str(len(PROBE_BODY))}
        if (trouble := self._trouble(await carrier.send(self.write(name, PROBE_BODY, marks)))) is not None:
            return Probed(f"No object could be written: {trouble}", name=name)
        warnings = []
        if (trouble := self._trouble(await carrier.send(self.look(name)))) is not None:
            warnings.append(
                f"Objects cannot be looked at ({self.look_needs} is needed): after an attempt that was cut off, a"
                f" queue may hold because it cannot tell what is there. {trouble}"
            )
        if (trouble := self._trouble(await carrier.send(self.remove(name)))) is not None:
            warnings.append(f"The probe {name} could not be removed; remove it yourself. {trouble}")
        return Probed(None, tuple(warnings), name)

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
    def properties(self, answer: Answer) -> Properties:
        """What a good answer to `look` says."""

    def code(self, answer: Answer) -> str | None:
        """The service's own word for what is wrong."""
        match = _CODE.search(answer.body)
        return match[1].decode() if match else None

    def rewrite(self, item: Item) -> Outgoing | None:
        """The request that creates an object where something unfinished has the name; None where none can be."""
        return None

    def _written(self, answer: Answer | str) -> Taken | Refused:
        if isinstance(answer, str):
            return Refused(answer)
        return Taken(answer.status) if answer.is_success else Refused(self.refusal(answer), answer)

    def _trouble(self, answer: Answer | str) -> str | None:
        if isinstance(answer, str):
            return answer
        return None if answer.is_success else self.refusal(answer)

    async def _same(self, item: Item, carrier: Carrier) -> Taken | Refused:
        """Whether the object that is there is this message, whole."""
        name = name_of(self.prefix, item)
        answer = await carrier.send(self.look(name))
        if isinstance(answer, str):
            return Refused(answer)
        if answer.status == 404 and (again := self.rewrite(item)) is not None:
            return self._written(await carrier.send(again))
        if answer.is_success:
            wrong = _differs(item, self.properties(answer))
            return Taken(answer.status) if wrong is None else Refused(_other(name, wrong), answer)
        may = f" The credential needs {self.look_needs}." if answer.status in {401, 403} else ""
        told = f"There is an object {name} already, and it cannot be looked at: {self.refusal(answer)}{may}"
        return Refused(told, answer)


def _differs(item: Item, there: Properties) -> str | None:
    """What of the object is not the message's; None when it is the message, as it was written."""
    if there.metadata.get("logid") != item.log_id:
        return ": its log id is another"
    if there.length is None or there.metadata.get("length") != str(there.length):
        return " as it was written: its length"
    return None


def _other(name: str, wrong: str) -> str:
    return (
        f"There is an object {name} already, which is not this message{wrong}."
        " Nothing was overwritten: move it away, or skip the message."
    )


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
