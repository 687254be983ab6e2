"""A real HTTP/1.1 receiver in threads, which misbehaves on command.

    with Receiver() as receiver:                    # answers 200 to everything
        receiver.behave(reset(), answer(503))       # the next request is reset, every later one gets 503
        ...
        first, second = receiver.wait(2)            # blocks; `await receiver.arrived(2)` in an async test
        receiver.bodies()                           # the messages received so far, decoded

A behaviour is a reply, or a callable that takes the Request and returns a reply. The replies:

    answer(status, body, headers, delay=)   a decent answer; a body that is not bytes goes as JSON
    redirect(to)                            302 with a Location
    hang_up() / reset()                     closes the connection without an answer, by FIN / by RST
    stall(then=)                            nothing, until `receiver.release()`; then `then`
    garbage(data)                           bytes that are not HTTP, then FIN
    drip_headers() / drip_body(status)      byte after byte, for ever
    endless_headers() / endless_body()      as fast as they are taken, for ever
    lying_length(says, body)                a body shorter than its Content-Length, then FIN
    early(reply)                            the reply comes after the request's headers; its body is not read
    then_close(reply)                       the reply, then FIN without having announced it

Also: `url`, `port`, `requests` (all so far), `connections` (how many were accepted), `busiest` (the most requests
in hand at one time), `await closed(n)` (n connections have ended). `Receiver(port=…)` takes the place of one that
was closed; `Receiver(tls=…)` speaks https, with a context from `tests.support.authority`.
"""

import asyncio
import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO

SECONDS = 60.0
_PEER_CLOSED = getattr(select, "POLLRDHUP", 0)


@dataclass(frozen=True)
class Request:
    """What came in. Header names are lower-case; `duplicates` names those that came more than once."""

    at: float
    """`time.monotonic()` when the whole request was there."""
    connection: int
    """1 for the first connection that the receiver accepted."""
    method: str
    target: str
    headers: dict[str, str]
    duplicates: frozenset[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection, as a reply sees it. Sending to a client that has gone raises OSError, which ends the reply."""

    def __init__(self, connection: socket.socket, number: int, receiver: "Receiver") -> None:
        self.number = number
        self.over = False
        self.in_hand = False  # a request that came has not begun to be answered
        self._connection = connection
        self._file: BinaryIO = connection.makefile("rb")
        self._receiver = receiver

    def read_line(self) -> bytes:
        return self._file.readline(65537)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def send(self, data: bytes) -> None:
        self._receiver.leaves_hand(self)  # before: whoever is answered may send the next one at once
        self._connection.sendall(data)

    def pause(self, seconds: float) -> None:
        """Waits; a receiver that is being closed waits no longer."""
        if self._receiver.closing.wait(seconds):
            raise ConnectionAbortedError("the receiver is closed")

    def until_released(self) -> None:
        """Waits for `Receiver.release`, or for the client to leave."""
        while not self._receiver.released.wait(0.02):
            if self._client_has_left():
                raise ConnectionError("the client has left")

    def end(self) -> None:
        self.over = True
        with contextlib.suppress(OSError):
            self._file.close()
        self._connection.close()

    def linger(self) -> None:
        """Ends the reply and throws away what still comes, lest an RST overtake the reply."""
        if self._file.closed:
            return
        socket.socket.shutdown(self._connection, socket.SHUT_WR)
        while self.read(65536):
            pass

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end()

    def _client_has_left(self) -> bool:
        watch = select.poll()
        watch.register(self._connection, select.POLLIN | _PEER_CLOSED)
        events = sum(event for _, event in watch.poll(0))
        if events & (_PEER_CLOSED | select.POLLHUP | select.POLLERR):
            return True
        # Not SSLSocket.recv, which takes no flags.
        return bool(events) and socket.socket.recv(self._connection, 1, socket.MSG_PEEK) == b""

    def interrupt(self) -> None:
        """Wakes whoever reads or writes here, from another thread."""
        # Not SSLSocket.shutdown, which takes the TLS layer from under the other thread.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


@dataclass(frozen=True)
class Reply:
    play: Callable[[Wire], None]
    before_body: bool = False


Behaviour = Reply | Callable[[Request], Reply]


def answer(
    status: int = 200, body: Any = b"", headers: Mapping[str, str] | None = None, *, delay: float = 0
) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
    fields |= {"Content-Length": str(len(data)), **(headers or {})}

    def play(wire: Wire) -> None:
        if delay:
            wire.pause(delay)
        wire.send(_head(status, fields) + data)
        if fields.get("Connection") == "close":
            wire.over = True

    return Reply(play)


def redirect(to: str, status: int = 302) -> Reply:
    return answer(status, headers={"Location": to})


def hang_up() -> Reply:
    return Reply(Wire.end)


def reset() -> Reply:
    return Reply(Wire.reset)


def stall(then: Reply | None = None) -> Reply:
    def play(wire: Wire) -> None:
        wire.until_released()
        (then or answer()).play(wire)

    return Reply(play)


def garbage(data: bytes = b"\x00\xffthis is not HTTP\r\n\r\n") -> Reply:
    def play(wire: Wire) -> None:
        wire.send(data)
        wire.end()

    return Reply(play)


def drip_headers() -> Reply:
    return _for_ever(b"HTTP/1.1 200 OK\r\nX-Drip: ", b".", every=0.02)


def drip_body(status: int = 200) -> Reply:
    return _for_ever(_head(status, {"Content-Length": "1000000"}), b".", every=0.02)


def endless_headers() -> Reply:
    return _for_ever(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"h" * 100 + b"\r\n")


def endless_body(status: int = 200) -> Reply:
    chunk = b"1000\r\n" + b"b" * 4096 + b"\r\n"
    return _for_ever(_head(status, {"Transfer-Encoding": "chunked"}), chunk)


def lying_length(says: int = 1000, body: bytes = b"short", status: int = 200) -> Reply:
    return garbage(_head(status, {"Content-Length": str(says)}) + body)


def early(reply: Reply) -> Reply:
    return Reply(reply.play, before_body=True)


def then_close(reply: Reply) -> Reply:
    def play(wire: Wire) -> None:
        reply.play(wire)
        wire.end()

    return Reply(play)


def _for_ever(first: bytes, then: bytes, *, every: float = 0) -> Reply:
    def play(wire: Wire) -> None:
        wire.send(first)
        while True:
            wire.pause(every)
            wire.send(then)

    return Reply(play)


def _head(status: int, fields: Mapping[str, str]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Receiver(AbstractContextManager["Receiver"]):
    """See the top of this file. Usable as a context manager, or closed by `close()`."""

    def __init__(
        self, *behaviours: Behaviour, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.released = threading.Event()
        self.closing = threading.Event()
        self._tls = tls
        self._changed = threading.Condition()
        self._script: deque[Behaviour] = deque(behaviours or [answer()])
        self._requests: list[Request] = []
        self._wires: set[Wire] = set()
        self._in_hand = 0
        self._ended = 0
        self.connections = 0
        self.busiest = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> list[Request]:
        with self._changed:
            return list(self._requests)

    def behave(self, *behaviours: Behaviour) -> None:
        """The coming requests take these in turn; the last one stays."""
        with self._changed:
            self._script = deque(behaviours)

    def bodies(self) -> list[Any]:
        """The messages (JSON objects with `Meta`) that were posted, in the order of their arrival."""
        decoded = [
            request.json for request in self.requests if request.method == "POST" and request.body[:1] == b"{"
        ]
        return [body for body in decoded if "Meta" in body]

    def wait(self, count: int, seconds: float = SECONDS) -> list[Request]:
        """The requests so far, once there are `count`; fails when that takes longer than `seconds`."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self._requests) >= count, seconds)
            assert enough, f"{len(self._requests)} of {count} requests came within {seconds} s"
            return list(self._requests)

    async def closed(self, count: int, seconds: float = SECONDS) -> None:
        """Once so many connections have ended on this side."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: self._ended >= count, seconds)

        await asyncio.to_thread(wait)

    async def arrived(self, count: int, seconds: float = SECONDS) -> list[Request]:
        """`wait`, for async tests."""
        return await asyncio.to_thread(self.wait, count, seconds)

    def leaves_hand(self, wire: Wire) -> None:
        """The request there, if any, counts no longer for `busiest`."""
        with self._changed:
            self._in_hand -= wire.in_hand
            wire.in_hand = False

    def release(self) -> None:
        """Lets every stalled reply go on, those to come too."""
        self.released.set()

    def close(self) -> None:
        """Stops listening and drops every connection, as a receiver that dies does."""
        self.closing.set()
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            wires = list(self._wires)
        for wire in wires:
            wire.interrupt()
        self._thread.join(5)

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError):
            connection.close()
            return
        wire = Wire(connection, number, self)
        with self._changed:
            self._wires.add(wire)
        try:
            while not wire.over and not self.closing.is_set() and self._exchange(wire):
                pass
        except (OSError, ValueError):
            pass
        finally:
            wire.end()
            with self._changed:
                self._wires.discard(wire)
                self._ended += 1
                self._changed.notify_all()

    def _exchange(self, wire: Wire) -> bool:
        """One request and its reply; False when the client has gone."""
        head = _read_head(wire)
        if head is None:
            return False
        behaviour = self._next()
        at_once = isinstance(behaviour, Reply) and behaviour.before_body
        request = _request(wire, head, b"" if at_once else _read_body(wire, head))
        self._record(request)
        wire.in_hand = True
        try:
            reply = behaviour if isinstance(behaviour, Reply) else behaviour(request)
            reply.play(wire)
        finally:
            self.leaves_hand(wire)
        if at_once:
            wire.linger()
        return not at_once

    def _next(self) -> Behaviour:
        with self._changed:
            return self._script.popleft() if len(self._script) > 1 else self._script[0]

    def _record(self, request: Request) -> None:
        with self._changed:
            self._requests.append(request)
            self._in_hand += 1
            self.busiest = max(self.busiest, self._in_hand)
            self._changed.notify_all()


@dataclass(frozen=True)
class _Head:
    method: str
    target: str
    fields: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        return next((value for field, value in self.fields if field == name), None)


def _read_head(wire: Wire) -> _Head | None:
    line = wire.read_line()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    fields = []
    while (line := wire.read_line().rstrip(b"\r\n")) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        fields.append((name.strip().lower(), value.strip()))
    return _Head(method, target, fields)


def _read_body(wire: Wire, head: _Head) -> bytes:
    if head.get("transfer-encoding") != "chunked":
        wanted = int(head.get("content-length") or 0)
        body = wire.read(wanted)
        if len(body) < wanted:
            raise ConnectionError("the client left in the middle of a body")
        return body
    chunks = []
    while size := int(wire.read_line().split(b";")[0], 16):
        chunks.append(wire.read(size))
        wire.read_line()
    wire.read_line()
    return b"".join(chunks)


def _request(wire: Wire, head: _Head, body: bytes) -> Request:
    names = [name for name, _ in head.fields]
    duplicates = frozenset(name for name in names if names.count(name) > 1)
    headers = {name: ", ".join(value for field, value in head.fields if field == name) for name in names}
    return Request(time.monotonic(), wire.number, head.method, head.target, headers, duplicates, body)
