"""The campaign's receiver, a process of its own: it is slow, says no, resets and hangs up, and tells what it took.

Only what it answers with 200 counts as taken. Whatever else it does, it does before it has taken anything, so that
each repeat it sees is a death's.
"""

import asyncio
import random
import sys
import threading
import time
from typing import Any

from tests.support.receiver import Receiver, Reply, Request, answer, hang_up, reset
from tests.support.waypost import number_of

from bench.processes import obey

SLOWEST_SECONDS = 0.02


class Misbehaving(Receiver):
    """Keeps what it took: lane, number and time."""

    def __init__(self, seed: int) -> None:
        self.taken: list[tuple[int, int, float]] = []
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self._taking = threading.Lock()
        super().__init__(self._decide)

    def _decide(self, request: Request) -> Reply:
        with self._taking:
            luck = self._draw.random()
            if luck < 0.02:
                return self._draw.choice([answer(503), answer(429), reset(), hang_up()])
            self.taken.append((int(request.target.strip("/")), number_of(request.json), time.monotonic()))
            return answer(200, delay=self._draw.uniform(0, SLOWEST_SECONDS))

    def _record(self, request: Request) -> None:
        super()._record(request)
        self._requests.clear()  # the bodies of a long campaign are a lot of memory

    async def since(self, *, start: int) -> list[tuple[int, int, float]]:
        """What was taken, without so many at the beginning."""
        return self.taken[start:]


async def _run(seed: int) -> None:
    receiver = Misbehaving(seed)
    commands: dict[str, Any] = {"since": receiver.since}
    await obey({"url": receiver.url}, commands)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
