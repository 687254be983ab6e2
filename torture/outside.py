"""Requests to a server in a process of its own, over a socket: written byte for byte as they were drawn.

    with served(folder) as server:
        server.callers, server.ask      # what `Contract` and `Scene` take

The server is `waypost serve` with its worker, on SQLite; whatever it would call is behind a proxy that nobody is.
"""

import http.client
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.callers import Callers
from tests.support.house import furnished
from tests.support.waypost import Server

from torture.ask import Got
from torture.contract import CLOSED_PROXY

ANSWER_SECONDS = 60


class Wire:
    """One connection at a time, used again as long as the server keeps it.

    A server that hangs up without an answer raises `ConnectionError`: it may do so only on a connection it kept.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __call__(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Got:
        """The answer."""
        data = _written(method, target, headers, body)
        if self._socket is not None:
            try:
                return self._exchange(self._socket, method, data)
            except (ConnectionError, http.client.BadStatusLine):
                self.close()
        self._socket = socket.create_connection(("127.0.0.1", self._port), ANSWER_SECONDS)
        return self._exchange(self._socket, method, data)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, to: socket.socket, method: str, data: bytes) -> Got:
        began = time.monotonic()
        to.sendall(data)
        answer = http.client.HTTPResponse(to, method=method)
        with closing(answer):
            answer.begin()
            body = answer.read()
        headers: dict[str, list[str]] = {}
        for name, value in answer.getheaders():
            headers.setdefault(name.lower(), []).append(value)
        if answer.will_close:
            self.close()
        return Got(answer.status, headers, body, time.monotonic() - began)


@dataclass(frozen=True)
class Served:
    """A running server, who calls it, and how."""

    server: Server
    callers: Callers
    ask: Wire


@dataclass
class _Furnished:
    data: Path
    made: dict[str, Any]


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A server on a folder where everybody has just moved in. Raises AssertionError if it cannot end in order."""
    data = folder / "furnished"
    data.mkdir()
    household = furnished(data)
    like = _Furnished(data, {"environments": dict(household.clinic.environments)})
    with Server(folder, settings={"WAYPOST_EGRESS_PROXY": CLOSED_PROXY}, like=like) as server:
        wire = Wire(server.port)
        with closing(wire):
            yield Served(server, Callers(household, server.port), wire)
        status = server.stop()
        if status != 0:
            raise AssertionError(f"the server ended with {status}: {server.said()[-2000:]}")
        server.cli("check")


def _written(method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    sent = {name.lower(): value for name, value in headers.items()}
    sent.setdefault("host", "x")
    if body or method not in {"GET", "HEAD"}:
        sent.setdefault("content-length", str(len(body)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
