"""A bounded memory whose entries count for a while only."""

from collections import OrderedDict
from typing import Generic, TypeVar

from waypost.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` entries, each for `life_ms`; the one used longest ago goes first."""

    def __init__(self, clock: Clock, *, most: int, life_ms: int) -> None:
        self._clock = clock
        self._most = most
        self._life_ms = life_ms
        self._entries: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, while it counts."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not 0 <= self._clock.now_ms() - entry[0] < self._life_ms:  # a clock set back ends it, too
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """Keep a value from now on."""
        self._entries[key] = (self._clock.now_ms(), value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
