"""Public keys of clients: pasted sets, or sets fetched from the client's registered URL and kept for a while.

A URL is fetched through the egress guard, and so seldom that whoever invents key ids cannot make us hammer it.
The `jku` of an assertion is never fetched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from waypost import jwks
from waypost.clock import Clock
from waypost.egress.client import Answer, Unreached
from waypost.egress.lists import OPEN, EgressList

FRESH_MS = 5 * 60 * 1000
"""A fetched set is used so long without asking again."""
STALE_MS = 60 * 60 * 1000
"""And so long when its server cannot be reached."""
PAUSE_MS = 10 * 1000
"""Between two fetches of one URL, whatever kid is asked for."""
TIMEOUT_SECONDS = 5
MOST_BYTES = 256 * 1024
MOST_URLS = 1000


class Fetcher(Protocol):
    """What is needed of `egress.client.Client`."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_seconds: float,
        https_only: bool,
        most_bytes: int = 65536,
    ) -> Answer | Unreached:
        """One request. Never raises for anything the other side does."""
        ...

    def within(self, listed: EgressList) -> "Fetcher":
        """The same for an environment with that egress list."""
        ...


@dataclass(slots=True)
class _Fetched:
    keys: list[Any] = field(default_factory=list)
    good_at: int | None = None
    tried_at: int | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """Finds the public key that an assertion names."""

    def __init__(self, client: Fetcher, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._sets: OrderedDict[tuple[str, EgressList], _Fetched] = OrderedDict()

    async def key(
        self,
        *,
        jwks_url: str | None,
        jwk_set: Mapping[str, Any] | None,
        kid: str,
        https_only: bool,
        egress: EgressList = OPEN,
    ) -> dict[str, Any] | None:
        """The public JWK with that id; None without one, or when the URL has not answered for an hour.

        `egress` is the list of the key's environment; what one environment fetched is not another's.
        """
        if jwks_url is not None:
            return await self._fetched(jwks_url, kid, https_only, egress)
        keys = jwk_set.get("keys") if jwk_set is not None else None
        return jwks.find(keys, kid) if isinstance(keys, list) else None

    async def _fetched(self, url: str, kid: str, https_only: bool, egress: EgressList) -> dict[str, Any] | None:
        kept = self._kept((url, egress))
        async with kept.lock:
            if self._is_due(kept, kid):
                kept.tried_at = self._clock.now_ms()
                keys = await self._fetch(url, https_only, egress)
                if keys is not None:
                    kept.keys, kept.good_at = keys, self._clock.now_ms()
            return jwks.find(kept.keys, kid) if self._age(kept.good_at) < STALE_MS else None

    def _kept(self, place: tuple[str, EgressList]) -> _Fetched:
        kept = self._sets.setdefault(place, _Fetched())
        self._sets.move_to_end(place)
        if len(self._sets) > MOST_URLS:
            self._sets.popitem(last=False)
        return kept

    def _is_due(self, kept: _Fetched, kid: str) -> bool:
        if self._age(kept.tried_at) < PAUSE_MS:
            return False
        return self._age(kept.good_at) >= FRESH_MS or jwks.find(kept.keys, kid) is None

    def _age(self, at: int | None) -> float:
        return float("inf") if at is None else self._clock.now_ms() - at

    async def _fetch(self, url: str, https_only: bool, egress: EgressList) -> list[Any] | None:
        """The keys at the URL; None when they could not be had."""
        answer = await self._client.within(egress).send(
            "GET", url, headers={"accept": "application/json"},
            timeout_seconds=TIMEOUT_SECONDS, https_only=https_only, most_bytes=MOST_BYTES,
        )  # fmt: skip
        if isinstance(answer, Unreached) or answer.status != 200:
            return None
        try:
            found = msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):
            return None
        keys = found.get("keys") if isinstance(found, dict) else None
        return keys[: jwks.MOST_KEYS] if isinstance(keys, list) else None
