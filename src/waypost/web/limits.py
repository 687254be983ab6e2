"""How many requests a caller may make: roomy by default, or the vendor's documented numbers."""

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
PER_WINDOW = {
    "roomy": {"platform": 300_000, "endpoint": 3_000_000},
    "vendor": {"platform": 10_000, "endpoint": 7_500},
}
"""Requests per rolling five minutes. Vendor: 10,000 a user and address on the Platform API, 7,500 an address
on `/endpoint` (the vendor's quota pages)."""


class Limits:
    """Counts requests in memory, on this node. `kind` is a row of PER_WINDOW, or one of its own."""

    def __init__(self, kind: Literal["roomy", "vendor"] | Mapping[str, int]) -> None:
        numbers = PER_WINDOW[kind] if isinstance(kind, str) else kind
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._items = {name: RateLimitItemPerMinute(number, WINDOW_MINUTES) for name, number in numbers.items()}

    def count(self, caller: Caller) -> None:
        """Count one request of this caller. Raises RateLimited."""
        if isinstance(caller.principal, Source):
            item, key = self._items["endpoint"], caller.ip
        else:
            item, key = self._items["platform"], f"{caller.principal.client_id} {caller.user_id} {caller.ip}"
        if not self._limiter.hit(item, key):
            window = self._limiter.get_window_stats(item, key)
            wait = max(1, math.ceil(window.reset_time - time.time()))
            raise RateLimited(limit=item.amount, retry_after_seconds=wait)
