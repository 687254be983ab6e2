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
        self._offset = self._measured()
        self._measuring = threading.Lock()
        self._set_back = 0
        self._behind = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as due times count them."""
        with self._measuring:
            measured = self._measured()
            step = measured - self._offset
            if abs(step) > STEP_MS:
                self._set_back = max(0, self._set_back - step)
            self._offset = measured
        return self._clock.now_ms() + max(self._set_back, self._behind)

    def of(self, ms: int) -> int:
        """A moment of the machine's clock that has just been, as due times count it."""
        now_ms = self.now_ms()
        return min(now_ms, ms + max(self._set_back, self._behind))

    def compare(self, database_ms: int) -> None:
        """Hear what the database's clock says now."""
        late = database_ms - self._clock.now_ms()
        self._behind = late if late > STEP_MS else 0

    def _measured(self) -> int:
        """How far the clock is from what nobody can set."""
        return self._clock.now_ms() - round(self._elapsed() * 1000)
