"""How many requests a caller may make: roomy by default, or the vendor's documented numbers."""

import ipaddress
import math
import time
from collections.abc import Mapping
from typing import Literal

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from waypost.access import Caller, Source
from waypost.errors import RateLimited

WINDOW_MINUTES = 5
OPEN = 60_000
IPV6_NEIGHBOURS = 64
"""Who has one address of IPv6 has all that begin with these bits."""
PER_WINDOW = {
    "roomy": {"platform": 300_000, "endpoint": 3_000_000, "open": OPEN},
    "vendor": {"platform": 10_000, "endpoint": 7_500, "open": OPEN},
}
"""Requests per rolling five minutes. Vendor: 10,000 a user and address on the Platform API, 7,500 an address
on `/endpoint` (the vendor's quota pages). `open`, an address on what needs no token, is ours."""


class Limits:
    """Counts requests in memory, on this node. `kind` is a row of PER_WINDOW, or differs from `roomy`."""

    def __init__(self, kind: Literal["roomy", "vendor"] | Mapping[str, int]) -> None:
        numbers = PER_WINDOW[kind] if isinstance(kind, str) else {**PER_WINDOW["roomy"], **kind}
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._items = {name: RateLimitItemPerMinute(number, WINDOW_MINUTES) for name, number in numbers.items()}

    def count(self, caller: Caller) -> None:
        """Count one request of this caller. Raises RateLimited."""
        if isinstance(caller.principal, Source):
            self._hit("endpoint", caller.ip)
        else:
            self._hit("platform", f"{caller.principal.client_id} {caller.user_id} {caller.ip}")

    def count_open(self, ip: str) -> None:
        """Count one request that says nothing of who makes it. Raises RateLimited."""
        self._hit("open", _neighbourhood(ip))

    def _hit(self, name: str, key: str) -> None:
        item = self._items[name]
        if not self._limiter.hit(item, key):
            window = self._limiter.get_window_stats(item, key)
            wait = max(1, math.ceil(window.reset_time - time.time()))
            raise RateLimited(limit=item.amount, retry_after_seconds=wait)


def _neighbourhood(ip: str) -> str:
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if found.version == 4:
        return ip
    return str(ipaddress.ip_network((found, IPV6_NEIGHBOURS), strict=False))
