"""The bench's clients, a process of their own: whoever sends messages, whoever calls PATCH, and the yardstick.

Each connection is kept and has one request at a time on it. Times are seconds of the machine's monotonic clock.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import aiohttp
import uvloop
from httptools import HttpResponseParser

from bench import messages
from bench.processes import obey

MOST_PREPARED = 1000


class NotTaken(Exception):
    """An answer that is not 200; the text has its status and beginning."""


class Connection(asyncio.Protocol):
    """One connection to the server. Make it with `open`."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """A connection to the server on that port."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def send(self, request: bytes) -> bytes:
        """The body of the answer. Raises NotTaken."""
        if self._transport is None:
            raise ConnectionError("The connection is not open.")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Let it go."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's word."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, error: Exception | None) -> None:
        """The loop's word."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("The server closed the connection."))

    def data_received(self, data: bytes) -> None:
        """The loop's word."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """The parser's word."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser's word."""
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._body.clear()
        if self._answer is None or self._answer.done():
            return
        if status == 200:
            self._answer.set_result(body)
        else:
            self._answer.set_exception(NotTaken(f"{status} {body[:300].decode(errors='replace')}"))


async def flood(
    *, port: int, path: str, token: str, source: str, destinations: Sequence[str], connections: int,
    seconds: float, lines: int = 1,
) -> dict[str, float]:  # fmt: skip
    """Post messages over so many connections, each as soon as the last was answered; how many in how long.

    With `lines` a request has so many. Raises Refused when one of them is not taken.
    """
    bodies = [messages.numbered(source, destination, 0) for destination in destinations[:MOST_PREPARED]]
    if lines == 1:
        requests = [_request("POST", path, token, body) for body in bodies]
    else:
        requests = [_lines(path, token, itertools.islice(itertools.cycle(bodies), lines))]
    left = itertools.cycle(requests)
    opened = [await Connection.open(port) for _ in range(connections)]
    began = time.monotonic()

    async def send(connection: Connection) -> int:
        sent = 0
        while time.monotonic() - began < seconds:
            answer = await connection.send(next(left))
            if lines > 1 and answer.count(b'"status":200') != lines:
                raise NotTaken(answer[:300].decode(errors="replace"))
            sent += lines
        return sent

    sent = await asyncio.gather(*map(send, opened))
    took = time.monotonic() - began
    for connection in opened:
        connection.close()
    return {"done": sum(sent), "seconds": took, "began": began}


async def post_lines(
    *, port: int, path: str, token: str, source: str, destinations: Sequence[str], count: int, lines: int
) -> dict[str, float]:
    """Post so many numbered messages, `lines` a request, one by one; in how long. Raises NotTaken."""
    bodies = [messages.numbered(source, destinations[n % len(destinations)], n) for n in range(count)]
    requests = [(_lines(path, token, some), len(some)) for some in _portions(bodies, lines)]
    connection = await Connection.open(port)
    began = time.monotonic()
    for request, size in requests:
        answer = await connection.send(request)
        if answer.count(b'"status":200') != size:
            raise NotTaken(answer[:300].decode(errors="replace"))
    took = time.monotonic() - began
    connection.close()
    return {"done": count, "seconds": took}


async def pace(
    *, port: int, token: str, source: str, destinations: Sequence[str], connections: int, rate: int, seconds: float
) -> list[tuple[int, float, float]]:
    """Send `rate` messages a second whatever the answers do; number, and when each was sent and answered."""
    bodies = [
        messages.numbered(source, destinations[n % len(destinations)], n) for n in range(int(rate * seconds))
    ]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Connection.open(port))

    async def send(number: int, request: bytes) -> tuple[int, float, float]:
        sent_at = time.monotonic()
        connection = await free.get()
        await connection.send(request)
        answered_at = time.monotonic()
        free.put_nowait(connection)
        return number, sent_at, answered_at

    sending, began = [], time.monotonic()
    for number, body in enumerate(bodies):
        request = _request("POST", "/endpoint", token, body)
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sending.append(asyncio.create_task(send(number, request)))
    sent = await asyncio.gather(*sending)
    while not free.empty():
        free.get_nowait().close()
    return sent


async def post_bare(*, url: str, sample: str, count: int, at_once: int) -> dict[str, float]:
    """The yardstick: aiohttp alone posts a delivery's bytes so often, `at_once` at a time; in how long."""
    head, _, body = sample.encode("latin-1").partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    for name in [name for name in headers if name.lower() in {"host", "content-length"}]:
        del headers[name]
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.monotonic()
        await asyncio.gather(*(_post_bare(session, url, headers, body, left) for _ in range(at_once)))
        return {"done": count, "seconds": time.monotonic() - began}


async def _post_bare(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes, left: Iterator[int]
) -> None:
    for _ in left:
        async with session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise NotTaken(str(answer.status))


class Patcher:
    """Moves a destination from endpoint to endpoint, so that every PATCH changes something."""

    def __init__(self) -> None:
        self._moves = itertools.count()

    async def patch(
        self, *, port: int, token: str, destination: str, url: str, most: int, seconds: float
    ) -> list[tuple[float, float]]:
        """One PATCH after the other, at most so many and for so long; when each began and ended."""
        connection = await Connection.open(port)
        calls: list[tuple[float, float]] = []
        end = time.monotonic() + seconds
        while len(calls) < most and (began := time.monotonic()) < end:
            body = json.dumps({"endpoint": f"{url}/{next(self._moves)}"}).encode()
            await connection.send(_request("PATCH", f"/platform/v1/destinations/{destination}", token, body))
            calls.append((began, time.monotonic()))
        connection.close()
        return calls


def _portions(bodies: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    return [bodies[start : start + size] for start in range(0, len(bodies), size)]


def _lines(path: str, token: str, bodies: Iterable[bytes]) -> bytes:
    return _request("POST", path, token, b"".join(body + b"\n" for body in bodies), "application/x-ndjson")


def _request(method: str, path: str, token: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run() -> None:
    commands: dict[str, Any] = {
        "flood": flood,
        "pace": pace,
        "post_lines": post_lines,
        "post_bare": post_bare,
        "patch": Patcher().patch,
    }
    await obey({}, commands)


if __name__ == "__main__":
    uvloop.run(_run())
