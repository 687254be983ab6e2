"""The bench's receiver, a process of its own: answers every POST 200 at once and keeps the connection.

It parses as little as it can, so that it is never what is measured.
"""

import asyncio
import contextlib
import time
from typing import Any, cast

import uvloop
from httptools import HttpRequestParser

from bench import messages
from bench.processes import obey

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
BACKLOG = 2048


class Sink:
    """What was received since the last `reset`. Times are seconds of the machine's monotonic clock."""

    def __init__(self) -> None:
        self._received = 0
        self._first = self._last = 0.0
        self._sample = b""
        self._times: list[tuple[int, float]] | None = None
        self.delay = 0.0
        self._wanted = 0
        self._enough = asyncio.Event()

    def got(self, request: bytes) -> None:
        """A whole request came in."""
        self._last = time.monotonic()
        self._first = self._first or self._last
        self._received += 1
        if self._times is not None:
            self._times.append((messages.number_of(request), self._last))
        elif not self._sample:
            self._sample = request
        if self._received == self._wanted:
            self._enough.set()

    async def reset(self, *, recording: bool = False, delay: float = 0.0) -> None:
        """Count from zero; `recording` keeps when each message came, `delay` is how long an answer takes."""
        self.delay = delay
        self._received, self._first, self._last, self._sample = 0, 0.0, 0.0, b""
        self._times = [] if recording else None

    async def wait(self, *, count: int, seconds: float) -> dict[str, Any]:
        """Wait until so many were received, for so long; how many came, and when the first and the last."""
        self._wanted = count
        self._enough.clear()
        if self._received < count:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), seconds)
        return {"received": self._received, "first": self._first, "last": self._last}

    async def times(self) -> list[tuple[int, float]]:
        """Number and time of each message, since a `reset` that records."""
        return self._times or []

    async def sample(self) -> str:
        """The bytes of the first request since the last `reset`, one character a byte."""
        return self._sample.decode("latin-1")


class Hole:
    """Takes whatever is sent to it, and never answers."""

    def __init__(self) -> None:
        self.connections: set[asyncio.BaseTransport] = set()

    async def close(self) -> None:
        """Let go of whoever waits."""
        for connection in list(self.connections):
            connection.close()


class _Swallowed(asyncio.Protocol):
    def __init__(self, hole: Hole) -> None:
        self._hole = hole
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._hole.connections.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None:
            self._hole.connections.discard(self._transport)


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = HttpRequestParser(self)
        self._pieces: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)  # nobody pipelines: the pieces are one request
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._sink.delay:
            asyncio.get_running_loop().call_later(self._sink.delay, self._answer)
        else:
            self._answer()
        self._sink.got(b"".join(self._pieces))
        self._pieces.clear()

    def _answer(self) -> None:
        if self._transport is not None:
            self._transport.write(ANSWER)


async def _run() -> None:
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(sink), "127.0.0.1", 0, backlog=BACKLOG)
    hole = Hole()
    swallowing = await loop.create_server(lambda: _Swallowed(hole), "127.0.0.1", 0, backlog=BACKLOG)
    hello = {"port": server.sockets[0].getsockname()[1], "hole": swallowing.sockets[0].getsockname()[1]}
    await obey(
        hello,
        {
            "reset": sink.reset,
            "wait": sink.wait,
            "times": sink.times,
            "sample": sink.sample,
            "close_hole": hole.close,
        },
    )


if __name__ == "__main__":
    uvloop.run(_run())
