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

from tests.support.receiver import (
    Receiver,
    Reply,
    Request,
    answer,
    drip_body,
    drip_headers,
    endless_body,
    endless_headers,
    garbage,
    hang_up,
    lying_length,
    reset,
    stall,
)
from tests.support.waypost import number_of

from bench.processes import obey

BADLY: dict[str, tuple[bool, Reply]] = {
    "reset": (False, reset()),
    "hang up": (False, hang_up()),
    "stall": (False, stall()),
    "garbage": (False, garbage()),
    "drip headers": (False, drip_headers()),
    "drip a body": (True, drip_body()),
    "endless headers": (False, endless_headers()),
    "endless body": (True, endless_body()),
    "lie about length": (True, lying_length()),
    "refuse": (False, answer(500)),
}
"""What else can be done to a message, and whether it counts as taken: the status that came first decides."""


class Misbehaving(Receiver):
    """Keeps what it took: lane, number and time."""

    def __init__(self, seed: int, slowest_seconds: float) -> None:
        self._slowest_seconds = slowest_seconds
        self.taken: list[tuple[int, int, float]] = []
        self._lately: dict[str, float] = {}
        self._badly: dict[int, str] = {}
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self._taking = threading.Lock()
        super().__init__(self._decide)

    def _decide(self, request: Request) -> Reply:
        lane = int(request.target.strip("/"))
        with self._taking:
            if how := self._badly.get(lane):
                taken, reply = BADLY[how]
                if taken:
                    self._take(lane, request)
                return reply
            luck = self._draw.random()
            if luck < 0.02:
                return self._draw.choice([answer(503), answer(429), reset(), hang_up()])
            self._take(lane, request)
            return answer(200, delay=self._draw.uniform(0, self._slowest_seconds))

    def _take(self, lane: int, request: Request) -> None:
        now = time.monotonic()
        self.taken.append((lane, number_of(request.json), now))
        self._lately[request.headers.get("application-name", "")] = now

    def _record(self, request: Request) -> None:
        super()._record(request)
        self._requests.clear()  # the bodies of a long campaign are a lot of memory

    async def since(self, *, start: int) -> list[tuple[int, int, float]]:
        """What was taken, without so many at the beginning."""
        return self.taken[start:]

    async def lately(self) -> dict[str, float]:
        """When each node last delivered, by its `application-name`."""
        return self._lately

    async def misbehave(self, *, lane: int, how: str) -> None:
        """Do that, a key of `BADLY`, to all that comes for a lane; nothing makes it well again."""
        with self._taking:
            self._badly[lane] = how


async def _run(seed: int, slowest_seconds: float) -> None:
    receiver = Misbehaving(seed, slowest_seconds)
    commands: dict[str, Any] = {
        "since": receiver.since,
        "lately": receiver.lately,
        "misbehave": receiver.misbehave,
    }
    await obey({"port": receiver.port}, commands)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), float(sys.argv[2])))
