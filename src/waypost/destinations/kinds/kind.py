"""What a kind of destination is: a declaration, and a port that speaks to one destination of the kind.

The rooms above hand over plain values and know no kind: a port takes a message, and says what came of it. What it
sends, the carrier that it is handed sends. A new kind is a file beside this one and a line in the table in
`__init__.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from pydantic import BaseModel

from waypost.credentials.sending import Carrier
from waypost.egress.client import Answer


@dataclass(frozen=True, slots=True)
class Item:
    """One message on its way, in plain values; `accepted_at` in ms. The `log_id` stays over all attempts."""

    body: bytes = field(repr=False)
    log_id: str
    seq: int
    accepted_at: int
    source_id: str
    subscription_id: str
    data_model: str
    event_type: str
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The destination has the message; `status` is that of its answer, where it gives any."""

    status: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It does not have it; `reason` is for an operator, without secrets and without foreign text.

    `answer` is what it was read from, where there was one.
    """

    reason: str
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found: why nothing can be delivered (None when it can), and what is not as it should be.

    `name` is what was to be written, where it came to that.
    """

    failure: str | None
    warnings: tuple[str, ...] = ()
    name: str = ""


class Port(Protocol):
    """One destination, as its kind speaks to it."""

    async def deliver(self, item: Item, carrier: Carrier) -> Taken | Refused:
        """Deliver a message, once, whole; what an attempt before this one delivered is not delivered again."""
        ...


class StorePort(Port, Protocol):
    """A destination that keeps what it is given, and shows by a probe that it works."""

    async def probe(self, carrier: Carrier) -> Probed:
        """Write something that is no message, and remove it."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind: its name in documents, its settings, and the strategies of the credentials that it can use.

    `only` names the strategies when just a few fit, and is empty where none is needed; `never` those of all others
    that do not.
    """

    name: str
    title: str
    about: str
    settings: type[BaseModel]
    only: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()

    def accepts(self, strategy: str) -> bool:
        """Whether a credential of this strategy can be used."""
        return strategy not in self.never and (self.only is None or strategy in self.only)

    @property
    def takes_credential(self) -> bool:
        """Whether there is a credential that it can use; a store that can use one delivers nothing without."""
        return self.only != ()

    @property
    def accepted(self) -> str:
        """The strategies, in words."""
        if self.only is not None:
            return ", ".join(self.only) or "none"
        return f"every strategy but {', '.join(self.never)}" if self.never else "every strategy"


@dataclass(frozen=True)
class CloudKind(Kind):
    """A kind whose messages are kept in a store: named by provider and product in `cloudProviderSettings`.

    `needs` says what must be allowed: to the credential's identity or, where none is needed, to Waypost itself.
    `example` are settings that are right. `where` names the setting of Waypost's own by which the operator says
    where the store is; `needs_where`: while it is unset there is no place to go to. `open` makes the port from it
    and the destination's settings.
    """

    provider: str = ""
    product: str = ""
    needs: str = ""
    example: Mapping[str, Any] = field(kw_only=True)
    where: str = field(kw_only=True)
    needs_where: bool = False
    open: Callable[[Any, Any], StorePort] = field(kw_only=True)

    @property
    def variable(self) -> str:
        """The environment variable by which the operator says where the store is."""
        return f"WAYPOST_{self.where.upper()}"

    def named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """`cloudProviderSettings` with these settings."""
        return {"typeId": self.provider, "productId": self.product, "settings": dict(settings)}


def said(status: int) -> str:
    """A status with its phrase: `404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
