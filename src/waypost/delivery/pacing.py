"""How many deliveries begin in one turn of the event loop.

When hundreds of queues go on at once, each turn of the loop would take as long as all of their requests together,
and whatever else waits for the loop (a call of the control plane does so several times) would wait as long each
time. So each turn begins a few, and the next one others. Nothing is counted but turns: what a receiver or another
process on this machine takes makes no difference, and nothing is kept from being in flight.
"""

import asyncio
from collections import deque

MOST_A_TURN = 8


class Turnstile:
    """Lets so many through in each turn of the loop, in the order in which they came."""

    def __init__(self, most: int = MOST_A_TURN) -> None:
        self._most = most
        self._left = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def turn(self) -> None:
        """Return in the first turn of the loop that has room."""
        if self._left and not self._waiting:
            self._left -= 1
            self._count()
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._count()
        await waiting

    def _count(self) -> None:
        """See to it that the next turn begins to count anew."""
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._counting = False
        self._left = self._most
        while self._left and self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():  # else whoever waited has gone
                waiting.set_result(None)
                self._left -= 1
        if self._left < self._most:
            self._count()
