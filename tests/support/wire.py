"""Bytes to a server on loopback, exactly as they are given, and what comes back.

said = exchange(port, b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
said[0].status, said[0].headers["content-type"], said[0].body
"""

import contextlib
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, cast

SECONDS = 15


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(port: int, *parts: bytes) -> list[Said]:
    """Every answer to these bytes, until the server hangs up."""
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):  # it may hang up before it has read all
            for part in parts:
                connection.sendall(part)
        return read_all(rest(connection))


def connected(port: int) -> socket.socket:
    """A connection; whoever waits on it gives up in time."""
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def rest(connection: socket.socket) -> bytes:
    """What comes until the end of the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            found += part
    return found


def read_all(data: bytes) -> list[Said]:
    """The answers that these bytes are, one behind the other; whatever is left over fails."""
    stream, found = BytesIO(data), []
    while stream.tell() < len(data):
        answer = HTTPResponse(cast("Any", _Socket(stream)))
        answer.begin()
        body = answer.read() if answer.status >= 200 else b""
        found.append(Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body))
    return found


class _Socket:
    """As much of a socket as the reader of answers asks for; what it closes stays open for the next one."""

    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> Any:
        return _Kept(self._stream)


class _Kept:
    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Leave it open."""
