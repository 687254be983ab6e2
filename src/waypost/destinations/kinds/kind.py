"""What a kind of destination is: a declaration, and a port that speaks to one destination of the kind.

The rooms above hand over plain values and know no kind: a port makes the request for a message and reads the
answer. A new kind is a file beside this one and a line in the table in `__init__.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from pydantic import BaseModel

from waypost.credentials.strategies.strategy import Outgoing
from waypost.egress.client import Answer
from waypost.settings import Settings


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
    """The destination has the message."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It does not have it; `reason` is for an operator, without secrets and without foreign text."""

    reason: str


@dataclass(frozen=True, slots=True)
class There:
    """Something has the message's place already: `ask`, and `judge` the answer, whether it is this message."""

    ask: Outgoing
    judge: "Callable[[Answer], Taken | Refused | There]"


class Port(Protocol):
    """One destination, as its kind speaks to it."""

    def put(self, item: Item) -> Outgoing:
        """The request that delivers a message; the credential is put in later."""
        ...

    def judge(self, item: Item, answer: Answer) -> Taken | Refused | There:
        """What the answer to that request means."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind: its name in documents, its settings, and the strategies of the credentials that it can use.

    `only` names the strategies when just a few fit; `never` those of all others that do not.
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
    def accepted(self) -> str:
        """The strategies, in words."""
        if self.only is not None:
            return ", ".join(self.only)
        return f"every strategy but {', '.join(self.never)}" if self.never else "every strategy"


@dataclass(frozen=True)
class CloudKind(Kind):
    """A kind whose messages become objects in a store: named by provider and product in `cloudProviderSettings`.

    `open` makes the port from the operator's settings and the destination's. `needs` says what the credential's
    identity must be allowed to do.
    """

    provider: str = ""
    product: str = ""
    needs: str = ""
    open: Callable[[Settings, Any], Any] = field(kw_only=True)


def said(status: int) -> str:
    """A status with its phrase: `404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
