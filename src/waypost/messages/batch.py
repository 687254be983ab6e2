"""Many messages in one request: each line is accepted as by `/endpoint`, in order, many to a commit.

While some are committed the next ones are read. A line that is refused takes no other with it. Once the store
is away, or the environment at its quota, every line behind is refused too, so that what was taken keeps its order
when the rest is sent again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect

from waypost.errors import RateLimited, TooLarge, Unavailable, WaypostError
from waypost.memory import Budget, Share
from waypost.messages import refusal
from waypost.messages.ndjson import Lines, NumberedLine
from waypost.messages.routing import NotAccepted
from waypost.messages.service import Given, Intake
from waypost.metrics import Metrics
from waypost.web.routes.body import no_room

MOST_BYTES = 64_000_000
MOST_LINE_BYTES = 10_000_000
MOST_LINES = 500_000
LINES_A_COMMIT = 128
MOST_BYTES_AHEAD = 1_000_000
"""How much is read while a commit is under way; then the sender waits."""
ROOM_SECONDS = 5
"""How long a batch is not read on while others leave no room in memory."""

_encode = msgspec.json.Encoder().encode


class Batch:
    """One request's messages. `key` is the sender's `Idempotency-Key`; each line has one made from it."""

    def __init__(
        self, intake: Intake, metrics: Metrics, bodies: Budget, environment_id: str, key: str | None
    ) -> None:
        self._intake = intake
        self._metrics = metrics
        self._environment_id = environment_id
        self._key = key
        self._lines = Lines(MOST_LINE_BYTES)
        self._away: Unavailable | RateLimited | None = None
        self._share = Share(bodies)
        self._waiting: deque[NumberedLine] = deque()
        self._ahead = 0
        self._changed = asyncio.Event()

    async def results(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """A result line for each line, in order; ends early when the sender leaves or sends too much."""
        reading = asyncio.create_task(self._read(chunks))
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            while self._waiting or not reading.done():
                if window := self._next():
                    yield b"".join([self._result(*pair) for pair in await self._window(window)])
                    self._ended(window)
                else:
                    await self._changed.wait()
                    self._changed.clear()
            if last := await reading:
                yield last
        except ClientDisconnect:
            return
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._share.drop()

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """Read to the end; the last result, when nothing is read from there on."""
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                return self._too_much(f"At most {MOST_BYTES // 1_000_000} MB are taken here.")
            if not await self._share.reserve(len(chunk), ROOM_SECONDS):
                return self._result(self._lines.number + 1, no_room())
            self._take_in(self._lines.feed(chunk))
            if self._lines.number > MOST_LINES:
                return self._too_much(f"At most {MOST_LINES} lines are taken here.")
            while self._ahead > MOST_BYTES_AHEAD:
                await self._changed.wait()
                self._changed.clear()
        self._take_in(self._lines.end())
        return None

    def _take_in(self, lines: Sequence[NumberedLine]) -> None:
        self._waiting += lines
        self._ahead += sum(map(_size, lines))
        self._changed.set()

    def _next(self) -> list[NumberedLine]:
        """The lines of the next commit."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), LINES_A_COMMIT))]

    def _ended(self, lines: Sequence[NumberedLine]) -> None:
        """These are answered, and leave room for others."""
        self._ahead -= sum(map(_size, lines))
        self._share.shrink(self._ahead + self._lines.unfinished)
        self._changed.set()

    async def _window(self, lines: Sequence[NumberedLine]) -> list[tuple[int, dict[str, Any] | NotAccepted]]:
        given = [
            Given(line.body, None if self._key is None else f"{self._key}:{line.number}")
            for line in lines
            if line.body is not None
        ]
        taken = iter(await self._take(given))
        too_long = TooLarge(f"At most {MOST_LINE_BYTES // 1_000_000} MB are taken for a message.")
        return [(line.number, too_long if line.body is None else next(taken)) for line in lines]

    async def _take(self, given: Sequence[Given]) -> Sequence[dict[str, Any] | NotAccepted]:
        if self._away is None:
            try:
                found = await self._intake.accept_all(self._environment_id, given)
                self._away = next((each for each in found if isinstance(each, RateLimited)), None)
                return found
            except Unavailable as error:
                self._away = error
            except WaypostError as error:
                return [error] * len(given)
        return [self._away] * len(given)

    def _too_much(self, words: str) -> bytes:
        """The last result: nothing is read from here on."""
        return self._result(self._lines.number + 1, TooLarge(f"{words} Nothing from this line on was taken."))

    def _result(self, number: int, outcome: dict[str, Any] | NotAccepted) -> bytes:
        if isinstance(outcome, dict):
            return _encode({"line": number, "status": 200, "Meta": outcome}) + b"\n"
        status = refusal.status_of(outcome)
        self._metrics.refused(status)
        return _encode({"line": number, "status": status, "Meta": refusal.meta(outcome)}) + b"\n"


def _size(line: NumberedLine) -> int:
    return len(line.body or b"")
