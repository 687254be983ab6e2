"""How many bytes of bodies may be in memory at once: one budget for what comes in, two for what goes out.

Small bodies are not counted: they are bounded by how many requests and queues there are, and a few large ones
must never keep them waiting.
"""

import asyncio
import threading
from collections import deque

SMALL = 65_536
"""Up to here, in bytes, a body is not counted; a connection's own buffers are as large."""


class Budget:
    """So many bytes. `take` is for any thread, the rest for the event loop's.

    Whoever finds it unused may take more than there is, so that the largest body passes as well.
    """

    def __init__(self, most: int) -> None:
        self.used = 0
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, size: int, *, share: float = 1.0) -> bool:
        """Take so many bytes if that leaves no more than this share of all in use and nobody waits."""
        with self._lock:
            return not self._waiting and self._fits(size, share)

    def give(self, size: int) -> None:
        """Give so many bytes back; those who wait get them in the order they came in."""
        with self._lock:
            self.used -= size
            self._serve()

    async def claim(self, size: int, seconds: float) -> bool:
        """Take so many bytes, waiting at most so long; False when there was no room in time."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((size, granted))
            self._serve()
        try:
            await asyncio.wait_for(asyncio.shield(granted), seconds)
        except BaseException as error:
            self._leave(size, granted)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def _leave(self, size: int, granted: "asyncio.Future[None]") -> None:
        """Wait no longer; what was granted in the meantime goes back, and those behind move up."""
        with self._lock:
            if granted.done():
                self.used -= size
            else:
                self._waiting.remove((size, granted))
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            self._waiting.popleft()[1].set_result(None)

    def _fits(self, size: int, share: float = 1.0) -> bool:
        if self.used and self.used + size > self._most * share:
            return False
        self.used += size
        return True


class Share:
    """What one request or queue has of a budget. `grow` is for any thread, the rest for the event loop's."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0
        self._held = 0

    def grow(self, size: int, *, share: float = 1.0) -> bool:
        """Count so many bytes more; False, with nothing changed, when there is no room for them."""
        wanted = self._wanted(size)
        if wanted and not self._budget.take(wanted, share=share):
            return False
        self._size, self._held = self._size + size, self._held + wanted
        return True

    async def reserve(self, size: int, seconds: float) -> bool:
        """As `grow`, but wait for room, at most so long."""
        wanted = self._wanted(size)
        if wanted and not await self._budget.claim(wanted, seconds):
            return False
        self._size, self._held = self._size + size, self._held + wanted
        return True

    def restart(self) -> None:
        """Count from nothing, and keep what is held for it."""
        self._size = 0

    def shrink(self, size: int) -> None:
        """Only so many bytes are left; the rest goes back."""
        left = min(self._held, max(0, size - SMALL))
        given, self._size, self._held = self._held - left, size, left
        if given:
            self._budget.give(given)

    def drop(self) -> None:
        """Give everything back. Safe to call twice."""
        self.shrink(0)

    def move(self, to: Budget) -> None:
        """Hold it of another budget, if that has room."""
        if self._held and to.take(self._held):
            self._budget.give(self._held)
            self._budget = to

    def _wanted(self, size: int) -> int:
        return max(0, self._size + size - SMALL - self._held)
