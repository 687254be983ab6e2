"""From a credential to the headers of a request, with a cache of tokens.

One fetch at a time for a credential; a hundred queues that wait for the same token share it, and so do the nodes
of a store (`sharing`). Tokens belong to one version of the credential, and are replaced a little before they end.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from waypost.clock import Clock
from waypost.credentials.model import Credential
from waypost.credentials.sharing import Alone, Busy, Failing, Kept, Need, Sharing, Turn
from waypost.credentials.strategies import STRATEGIES, Strategies
from waypost.credentials.strategies.strategy import Grant, Occasion, Outgoing
from waypost.credentials.strategies.strategy import NotAuthorized as NotAuthorized
from waypost.egress.client import Client
from waypost.egress.lists import OPEN, EgressList
from waypost.validation import check

EARLY_MS = 30_000
QUIET_MS = 1_000
AGAIN_SECONDS = 0.1
MOST_HELD = 10_000
FOR_EVER_MS = 2**62
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
    """What is known of one version of a credential. Times in ms. `refused` is a grant that was answered by 401."""

    version: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    grant: Grant | None = None
    renew_at: float = 0
    failure: NotAuthorized | None = None
    failed_at: int = 0
    refused: Grant | None = None
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

    def keep(self, found: Kept) -> Authorized:
        """Hold a grant."""
        self.grant, self.failure, self.renew_at = found.grant, None, found.renew_at
        return Authorized(found.grant.headers, found.grant.query)

    def fail(self, found: Failing, now: int) -> Authorized | NotAuthorized:
        """Remember a failure; the old grant goes on while it holds."""
        self.failure, self.failed_at = found.failure, found.failed_at
        return self.still(now) or found.failure


def _renew_at(grant: Grant, began: int) -> int:
    """30 s, or a tenth of its life, before its end."""
    if grant.expires_at_ms is None:
        return FOR_EVER_MS
    return grant.expires_at_ms - min(EARLY_MS, (grant.expires_at_ms - began) // 10)


class Authorizer:
    """Authorizes requests by credentials. `timeout_seconds` bounds each call of a token endpoint.

    `home` says where a credential's public key is shown. At most so many credentials' tokens are held in memory;
    those that were not used for longest go first.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        strategies: Strategies = STRATEGIES,
        sharing: Sharing | None = None,
        home: Callable[[str], str | None] = lambda _: None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        most_held: int = MOST_HELD,
    ) -> None:
        self._client = client
        self._clock = clock
        self._strategies = strategies
        self._timeout_seconds = timeout_seconds
        self._sharing = sharing or Alone()
        self._home = home
        self._most_held = most_held
        self._held: OrderedDict[str, _Held] = OrderedDict()

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
        occasion = Occasion(
            self._client.within(egress),
            self._clock.now_ms(),
            https_only,
            self._timeout_seconds,
            request=request,
            home=self._home(credential.id),
        )
        if self._is_each_time(credential):
            return await self._this_time(credential, secrets, occasion)
        held = self._holder(credential)
        known = held.usable(self._clock.now_ms(), egress)
        if known is not None:
            return known
        async with held.lock:
            known = held.usable(self._clock.now_ms(), egress)
            if known is not None:
                return known
            quiet = QUIET_MS if egress == held.failed_within else 0
            held.failed_within = egress
            return await self._fetch(held, credential, secrets, occasion, quiet)

    def _is_each_time(self, credential: Credential) -> bool:
        strategy = self._strategies.get(credential.strategy)
        return strategy is not None and strategy.each_time

    async def _this_time(
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
        if used is None:
            del self._held[credential_id]
        else:
            self._held[credential_id] = _Held(held.version, refused=held.grant)

    def _holder(self, credential: Credential) -> _Held:
        held = self._held.get(credential.id)
        if held is None or held.version < credential.version:
            held = self._held[credential.id] = _Held(credential.version)
        elif held.version > credential.version:
            return _Held(credential.version)  # an attempt from before a change does not push out the newer token
        self._held.move_to_end(credential.id)
        if len(self._held) > self._most_held:
            self._held.popitem(last=False)
        return held

    async def _fetch(
        self, held: _Held, credential: Credential, secrets: Mapping[str, str], occasion: Occasion, quiet: int
    ) -> Authorized | NotAuthorized:
        """Fetch, or take what another node has fetched; while that one is at it the old grant goes on.

        A failure is taken for so many ms: none under another egress list than it met.
        """
        while True:
            began = self._clock.now_ms()
            need = Need(began, quiet, held.grant, held.refused)
            found = await self._sharing.look(credential, need)
            if isinstance(found, Busy):
                held.grant = found.grant
                if (still := held.still(began)) is not None:
                    return still
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if isinstance(found, Turn):
                turn = replace(occasion, now_ms=began, previous=found.previous)
                found = self._outcome(await self._ask(credential, secrets, turn), began)
                await self._sharing.put(credential, found)
            return held.keep(found) if isinstance(found, Kept) else held.fail(found, self._clock.now_ms())

    def _outcome(self, result: Grant | NotAuthorized, began: int) -> Kept | Failing:
        if isinstance(result, Grant):
            return Kept(result, _renew_at(result, began))
        return Failing(result, self._clock.now_ms())

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
