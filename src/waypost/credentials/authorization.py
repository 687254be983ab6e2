"""From a credential to the headers of a request, with a cache of tokens.

One fetch at a time for a credential; a hundred queues that wait for the same token share it. Tokens live in
memory only, belong to one version of the credential, and are replaced a little before they end.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from waypost.clock import Clock
from waypost.credentials.model import Credential
from waypost.credentials.strategies import STRATEGIES, Strategies
from waypost.credentials.strategy import Grant, Occasion, Outgoing
from waypost.credentials.strategy import NotAuthorized as NotAuthorized
from waypost.egress.client import Client
from waypost.egress.lists import OPEN, EgressList
from waypost.validation import check

EARLY_MS = 30_000
QUIET_MS = 1_000
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Authorized:
    """What authorizes a request: headers, and parameters to put behind its URL's query."""

    headers: Mapping[str, str] = field(repr=False)
    query: str = field(default="", repr=False)

    def url(self, url: str) -> str:
        """The request's URL with the parameters in it."""
        if not self.query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{self.query}"


@dataclass(slots=True)
class _Held:
    """What is known of one version of a credential. Times in ms."""

    version: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    grant: Grant | None = None
    renew_at: float = 0
    failure: NotAuthorized | None = None
    failed_at: int = 0
    failed_within: EgressList = OPEN

    @property
    def authorized(self) -> Authorized | None:
        """What the grant comes to, whether it still holds or not."""
        return None if self.grant is None else Authorized(self.grant.headers, self.grant.query)

    def usable(self, now: int, egress: EgressList) -> Authorized | NotAuthorized | None:
        """What can be answered without a fetch; None when there must be one, as after a change of the list."""
        if self.grant is not None and now < self.renew_at:
            return self.authorized
        quiet = egress == self.failed_within and 0 <= now - self.failed_at < QUIET_MS
        if self.failure is not None and quiet:
            return self.still(now) or self.failure
        return None

    def still(self, now: int) -> Authorized | None:
        """The old grant while it holds, although it is due to be renewed."""
        if self.grant is None or (self.grant.expires_at_ms is not None and now >= self.grant.expires_at_ms):
            return None
        return self.authorized

    def keep(self, grant: Grant, began: int) -> Authorized:
        """Hold a new grant until 30 s, or a tenth of its life, before its end."""
        self.grant, self.failure, self.renew_at = grant, None, float("inf")
        if grant.expires_at_ms is not None:
            life = grant.expires_at_ms - began
            self.renew_at = grant.expires_at_ms - min(EARLY_MS, life // 10)
        return Authorized(grant.headers, grant.query)


class Authorizer:
    """Authorizes requests by credentials. `timeout_seconds` bounds each call of a token endpoint."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        strategies: Strategies = STRATEGIES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._client = client
        self._clock = clock
        self._strategies = strategies
        self._timeout_seconds = timeout_seconds
        self._held: dict[str, _Held] = {}

    async def authorize(
        self,
        credential: Credential,
        secrets: Mapping[str, str],
        *,
        https_only: bool,
        request: Outgoing | None = None,
        egress: EgressList = OPEN,
    ) -> Authorized | NotAuthorized:
        """What authorizes a request, or why there is nothing. Strategies that sign need the `request`.

        `egress` is the list of the environment: what must be called for this goes where it lets it go.
        """
        client = self._client.within(egress)
        if self._signs(credential):
            occasion = Occasion(client, self._clock.now_ms(), https_only, self._timeout_seconds, None, request)
            return await self._signed(credential, secrets, occasion)
        held = self._holder(credential)
        known = held.usable(self._clock.now_ms(), egress)
        if known is not None:
            return known
        async with held.lock:
            began = self._clock.now_ms()
            known = held.usable(began, egress)
            if known is not None:
                return known
            occasion = Occasion(client, began, https_only, self._timeout_seconds, held.grant, request)
            held.failed_within = egress
            return await self._fetch(held, credential, secrets, occasion)

    def _signs(self, credential: Credential) -> bool:
        strategy = self._strategies.get(credential.strategy)
        return strategy is not None and strategy.signs

    async def _signed(
        self, credential: Credential, secrets: Mapping[str, str], occasion: Occasion
    ) -> Authorized | NotAuthorized:
        """Authorize this one request; nothing is kept of it."""
        result = await self._ask(credential, secrets, occasion)
        return Authorized(result.headers, result.query) if isinstance(result, Grant) else result

    def forget(self, credential_id: str, used: Authorized | None = None) -> None:
        """Drop what is held for a credential; with `used`, only if that is what is held.

        After a 401 pass what was used: then of many queues that were refused the same token, only the first
        drops it, and the rest take the token that came after.
        """
        held = self._held.get(credential_id)
        if held is None or (used is not None and held.authorized != used):
            return
        del self._held[credential_id]

    def _holder(self, credential: Credential) -> _Held:
        held = self._held.get(credential.id)
        if held is None or held.version < credential.version:
            held = self._held[credential.id] = _Held(credential.version)
        elif held.version > credential.version:
            held = _Held(credential.version)  # an attempt from before a change does not push out the newer token
        return held

    async def _fetch(
        self, held: _Held, credential: Credential, secrets: Mapping[str, str], occasion: Occasion
    ) -> Authorized | NotAuthorized:
        result = await self._ask(credential, secrets, occasion)
        if isinstance(result, Grant):
            return held.keep(result, occasion.now_ms)
        held.failure, held.failed_at = result, self._clock.now_ms()
        return held.still(held.failed_at) or result

    async def _ask(
        self, credential: Credential, secrets: Mapping[str, str], occasion: Occasion
    ) -> Grant | NotAuthorized:
        strategy = self._strategies.get(credential.strategy)
        if strategy is None:
            return NotAuthorized(f"there is no strategy {credential.strategy} here")
        fields, faults = check(strategy.fields, {**credential.settings, **secrets})
        if fields is None:
            return NotAuthorized(f"the credential's stored fields are not valid: {faults[0].pointer}")
        return await strategy.authorize(fields, occasion)
