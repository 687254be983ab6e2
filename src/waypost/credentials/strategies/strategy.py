"""What a strategy is: typed fields, and an async function from them to what authorizes a request.

The fields are declared once. Validation, masking, the strategies endpoint and the OpenAPI document are
drawn from them. A new strategy is a file beside this one and a line in the table.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from pydantic.fields import FieldInfo

from waypost.credentials.strategies.fields import Mark, PrivateKey, Secret, Url, carries
from waypost.egress.client import Answer, Client, Unreached
from waypost.errors import Fault
from waypost.validation import Body


class Fields(Body):
    """The settings and secrets of a strategy, under the API's own names.

    One that builds on another's fields names those of them that it has no use for in `dropped`.
    """

    dropped: ClassVar[frozenset[str]] = frozenset()

    def faults(self) -> list[Fault]:
        """What is wrong between fields; each field by itself was found right before."""
        return []


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The request that is to be authorized, for strategies that sign it.

    `account` is the cloud account that the request is to, where there is one: a signature may have to name it.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    account: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Headers, and parameters for the URL's query, that authorize until a time (None = for ever).

    `refresh_token` is kept in memory for the strategy's next turn. The `query` is put behind the one that the
    URL has, as it is: names and values are percent-encoded already.
    """

    headers: Mapping[str, str] = field(repr=False)
    expires_at_ms: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    query: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NotAuthorized:
    """No headers could be had; `reason` is for an operator and holds no secret and no foreign text."""

    reason: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """One authorization, and what a strategy may use for it. `now_ms` is its beginning.

    `home` is where Waypost shows the credential's public key to the world (None: nobody said where Waypost is).
    """

    client: Client
    now_ms: int
    https_only: bool
    timeout_seconds: float
    previous: Grant | None = None
    request: Outgoing | None = None
    home: str | None = None

    @property
    def jwks_url(self) -> str | None:
        """The address of the credential's JWKS."""
        return None if self.home is None else f"{self.home}/jwks.json"

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer | Unreached:
        """Call a token endpoint. Never raises for what the other side does."""
        return await self.client.send(
            "POST",
            url,
            headers=headers,
            body=body,
            timeout_seconds=self.timeout_seconds,
            https_only=self.https_only,
        )


F = TypeVar("F", bound=Fields)


@dataclass(frozen=True)
class Strategy(Generic[F]):
    """A way to authorize: its name in the API, its fields, and what it does with them.

    One that signs requests, or has nothing to fetch, is asked `each_time`, for the request that the occasion then
    has; the grants of the others are kept while they last. One that is `keyed` has the fields `privateKey` and
    `algorithm`: Waypost makes the key when none is given, and shows its public half. `ours` is what Redox does not
    document.
    """

    name: str
    fields: type[F]
    authorize: Callable[[F, Occasion], Awaitable[Grant | NotAuthorized]]
    each_time: bool = False
    keyed: bool = False
    ours: bool = False

    @cached_property
    def declared(self) -> Mapping[str, FieldInfo]:
        """The fields, in the order of their declaration."""
        fields = self.fields.model_fields.items()
        return {name: info for name, info in fields if name not in self.fields.dropped}

    @cached_property
    def available(self) -> tuple[str, ...]:
        """The names of all fields, in the order of their declaration."""
        return tuple(self.declared)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The names of the fields that are never returned."""
        return self._marked(Secret)

    @cached_property
    def urls(self) -> frozenset[str]:
        """The names of the fields that Waypost calls."""
        return self._marked(Url)

    @cached_property
    def private_keys(self) -> frozenset[str]:
        """The names of the secrets that are private keys."""
        return self._marked(PrivateKey)

    def _marked(self, mark: Mark) -> frozenset[str]:
        return frozenset(name for name, info in self.declared.items() if carries(info, mark))
