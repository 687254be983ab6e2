"""HTTP/1.1 as uvicorn speaks it, with bounds that it does not have: on a head, on a wait, on connections.

Whoever connects, with a token or without, can make the server remember no more than `head_bytes` of what is no
body, and cannot keep a connection by saying little or by reading nothing. What cannot be answered by the
application is answered here, as every other error is.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from waypost.ids import new_id
from waypost.logging import STRANGERS
from waypost.web.http1.joining import Joining
from waypost.web.routes import problems

log = structlog.get_logger("waypost.server")

VERSIONS = ("1.0", "1.1")
_OVERHEAD = 16
"""Bytes that a byte of a body may cost: in chunks of one byte each it costs six."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long the server waits for whom, and for how much."""

    head_seconds: float = 20
    """For a request's head, from its first byte, or from the connection."""
    body_seconds: float = 30
    """For a body, and more for each byte of it that has come."""
    bytes_a_second: int = 500
    """At least as fast a body comes, on average."""
    write_seconds: float = 60
    """For somebody who reads none of an answer."""
    idle_seconds: float = 70
    """Between requests; uvicorn ends a connection that says nothing at all a little earlier."""
    look_seconds: float = 5
    """Between two looks at a connection."""
    head_bytes: int = 131_072
    """Of request line and headers, all together."""
    connections: int | None = None
    """At once; None is as many as there are."""


class Full:
    """Says in the log that there are too many connections: once, until there was room for a minute."""

    def __init__(self) -> None:
        self._said_at = float("-inf")

    def say(self, most: int) -> None:
        """Say it, unless it was true within the last minute."""
        now = time.monotonic()
        if now - self._said_at > 60:
            log.error("server.full", connections=most)
        self._said_at = now


class Protocol(HttpToolsProtocol):
    """One connection. `full` is shared by all of a server."""

    def __init__(self, *args: Any, bounds: Bounds | None = None, full: Full | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = logging.getLogger(STRANGERS)
        self._bounds = bounds or Bounds()
        self._full = full or Full()
        self._waits_for: str | None = "head"  # what the client owes: the rest of a head, or of a body
        self._since = self.loop.time()
        self._stalled_at: float | None = None
        self._extra_bytes = 0  # of the running request: what came, and is not its body
        self._body_bytes = 0
        self._too_long = False
        self._deaf = False
        self._body_follows = self._resuming = False  # about requests that would upgrade, see `_feed`
        self._look: Any = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection, or refuse it when there are too many."""
        super().connection_made(cast(asyncio.Transport, Joining(transport)))
        self._look = self.loop.call_later(self._bounds.look_seconds, self._look_after)
        most = self._bounds.connections
        if most is not None and len(self.connections) > most:
            self._full.say(most)
            self._refuse(
                503, "too_many_connections", "There are too many connections; try again.", "retry-after: 5"
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the bounds."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._extra_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        if self._extra_bytes > self._bounds.head_bytes + _OVERHEAD * self._body_bytes and not self._deaf:
            self._too_long = True
            self.send_400_response("")

    def _feed(self, data: bytes) -> None:
        """Parse. We upgrade to nothing, but a parser that saw `Upgrade` reads no further: another goes on."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self.parser = httptools.HttpRequestParser(self)
            if self._body_follows:
                self._resuming = True
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + self._framing() + b"\r\n")
                self._resuming = self._body_follows = False
            if data := data[stopped.args[0] :]:
                self._feed(data)

    def _framing(self) -> bytes:
        """The headers that say how long the running request's body is; empty when it has none."""
        return b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, value in self.headers
            if name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        )

    def on_message_begin(self) -> None:
        """A head begins. What is left of this data is not counted: most of it may be a body."""
        if self._resuming:
            return
        super().on_message_begin()
        self._waits_for, self._since = "head", self.loop.time()
        self._extra_bytes = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        if not self._resuming:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; behind a body it would be a trailer, and nobody reads those."""
        if self._waits_for == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, if the head is not too long and says one thing only."""
        if self._resuming:
            return
        self._weigh()
        self._body_follows = self.parser.should_upgrade() and bool(self._framing())
        super().on_headers_complete()
        self._waits_for, self._since = "body", self.loop.time()

    def _weigh(self) -> None:
        """Raise ValueError for a head that is too long, or that a proxy before us may have read in another way."""
        size, hosts, codings = len(self.url), 0, b""
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding":
                codings += value.lower()
        if size > self._bounds.head_bytes:
            self._too_long = True
            raise ValueError("the head is too long")
        version = self.parser.get_http_version()
        if version not in VERSIONS or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise ValueError("not HTTP/1.1 with a host")
        if codings and (codings != b"chunked" or version != "1.1"):
            raise ValueError("a transfer coding that is not ours")

    def on_body(self, body: bytes) -> None:
        """A part of the body, read by the application or thrown away."""
        self._body_bytes += len(body)
        self._extra_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The client owes nothing more, unless its body is still to be read by another parser."""
        if self._body_follows and not self._resuming:
            return
        self._waits_for, self._since = None, self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written; the time between requests begins."""
        if self._waits_for is None:
            self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read."""
        self._stalled_at = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; in place of uvicorn's plain text."""
        if self._is_answering and self._waits_for != "body":
            self._deaf = True  # what was asked before is answered; nothing is read behind it
            self.cycle.keep_alive = False
        elif self._too_long:
            self._refuse(
                431, "head_too_large", f"Request line and headers may have {self._bounds.head_bytes} bytes."
            )
        else:
            self._refuse(400, "malformed_request", "This is not a well-formed HTTP/1.1 request.")

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look_after(self) -> None:
        """Hang up on whoever keeps the server waiting."""
        self._look = self.loop.call_later(self._bounds.look_seconds, self._look_after)
        now, bounds = self.loop.time(), self._bounds
        if self._stalled_at is not None and now - self._stalled_at > bounds.write_seconds:
            self.transport.abort()
        elif self._waits_for == "body":
            allowed = bounds.body_seconds + self._body_bytes / bounds.bytes_a_second
            if now - self._since > allowed and not self.flow.read_paused:
                self._refuse(408, "too_slow", f"A body has to come at {bounds.bytes_a_second} bytes a second.")
        elif self._is_answering or self.flow.read_paused:
            self._since = now
        elif self._waits_for == "head" and now - self._since > bounds.head_seconds:
            self._time_out()
        elif self._waits_for is None and now - self._since > bounds.idle_seconds:
            self.transport.close()

    def _time_out(self) -> None:
        if self.scope is None:  # it has not said a word
            self.transport.close()
        else:
            self._refuse(408, "too_slow", f"A request's head has to come within {self._bounds.head_seconds:g} s.")

    def _refuse(self, status: int, code: str, detail: str, *headers: str) -> None:
        """Answer with a problem document, unless that would stand inside or before another answer, and hang up."""
        self._deaf = True
        if self._is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        elif self._waits_for == "body":
            self.transport.close()  # what it asks was answered before its body had come
            return
        phrase = HTTPStatus(status).phrase
        body = {
            "type": f"/problems/{code}",
            "title": phrase,
            "status": status,
            "detail": detail,
            "instance": "",
            "meta": problems.META,
        }
        content = json.dumps(body).encode()
        head = [
            f"HTTP/1.1 {status} {phrase}",
            f"content-type: {problems.MEDIA_TYPE}",
            f"content-length: {len(content)}",
            f"x-request-id: {new_id()}",
            *headers,
            "connection: close",
            "\r\n",
        ]
        self.transport.write("\r\n".join(head).encode() + content)
        self.transport.close()
