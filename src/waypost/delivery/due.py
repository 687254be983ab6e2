"""The clock that due times go by: it never goes back, and is not behind the database's.

Due times are kept as moments. Were the machine's clock set back by an hour, each queue that is held would wait for
an hour more; were a node's clock behind the database's, it would see late what others put there.
"""

import threading
import time
from collections.abc import Callable

from waypost.clock import Clock

STEP_MS = 1000
"""Clocks run a little fast or slow, and are apart a little; only more than that is made up for."""


class DueClock(Clock):
    """A clock for due times, from that of the machine; for any thread. `elapsed` is what nobody can set."""

    def __init__(self, clock: Clock, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._offset = clock.now_ms() - self._elapsed_ms()
        self._measuring = threading.Lock()
        self._set_back = 0
        self._behind = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as due times count them."""
        with self._measuring:
            return self._looked_at() + max(self._set_back, self._behind)

    def of(self, ms: int) -> int:
        """A moment of the machine's clock that has just been, as due times count it."""
        now_ms = self.now_ms()
        return min(now_ms, ms + max(self._set_back, self._behind))

    def compare(self, database_ms: int) -> None:
        """Hear what the database's clock says now."""
        with self._measuring:
            late = database_ms - self._looked_at()
            self._behind = late if late > STEP_MS else 0

    def _looked_at(self) -> int:
        """What the machine's clock says; where it was set, that is made up for, or made up for no longer.

        It is read once: were it set between two readings, an hour would be counted twice.
        """
        wall_ms = self._clock.now_ms()
        measured = wall_ms - self._elapsed_ms()
        step = measured - self._offset
        if abs(step) > STEP_MS:
            self._set_back = max(0, self._set_back - step)
            self._behind = max(0, self._behind - step)
        self._offset = measured
        return wall_ms

    def _elapsed_ms(self) -> int:
        return round(self._elapsed() * 1000)
