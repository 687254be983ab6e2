"""A connection: a request out, its answer in, and then whether it can carry another.

It has a time to be done by, writes large bodies no faster than they are taken, and knows whether the whole request
has left: only then may the other side have acted on it.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, cast

from waypost.egress.http1.answers import Malformed, Reading

_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT
_LARGE = 256 * 1024
"""From here on, in bytes, a body is written in pieces of this size, not in one go that holds up the loop."""


class Connection(asyncio.Protocol):
    """Made by `opening.py`. `ended` is called once, when it is closed, by whichever side.

    `sent` says of the last request whether all of it left; `fresh` that no request went out before it.
    """

    def __init__(self, link: socket.socket, ended: "Callable[[Connection], None]") -> None:
        self.closed = False
        self.sent = False
        self.fresh = True
        self._link = link
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._reading: Reading | None = None
        self._answered: asyncio.Future[None] | None = None
        self._room: asyncio.Future[bool] | None = None

    async def exchange(self, head: bytes, body: bytes, reading: Reading, until: float) -> None:
        """Send a request and read its answer, to be done by `until` (the loop's time). One at a time.

        Raises TimeoutError, OSError, ssl.SSLError, Malformed: there is no answer. With a head there always is one.
        """
        loop = asyncio.get_running_loop()
        self._reading, self.sent = reading, False
        self._answered = answered = loop.create_future()
        timer = loop.call_at(until, self._expire)
        try:
            if self.closed or self._transport is None:
                raise ConnectionResetError
            if len(body) <= _LARGE:
                self._transport.write(head + body if body else head)
                self.sent = True
            else:
                await self._upload(self._transport, head, body)
            await answered
        except BaseException:
            self.drop()
            raise
        finally:
            timer.cancel()
            self._reading = self._answered = None
        if not (reading.may_follow and self.sent):
            self.drop()
        self.fresh = False

    def is_quiet(self) -> bool:
        """Whether it can take a request: open, and nothing has come in that nobody asked for, not even its end."""
        if self.closed or self._transport is None or self._transport.is_closing():
            return False
        try:
            self._link.recv(1, _PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def drop(self) -> None:
        """Close it, and give up bytes that the other side has not taken. Safe to call twice."""
        if self._transport is None or self.closed:
            return
        if self._transport.get_write_buffer_size():
            # An RST instead of a FIN, so that the kernel too lets go of them.
            with contextlib.suppress(OSError):
                self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS with `host` from here on, through the tunnel that this is. Raises OSError, ssl.SSLError."""
        if self._transport is None:
            raise ConnectionResetError
        loop = asyncio.get_running_loop()
        made = await loop.start_tls(self._transport, self, context, server_hostname=host)
        if made is None:
            raise ConnectionResetError
        self._transport, self.fresh = made, True

    @property
    def layer(self) -> ssl.SSLObject | None:
        """The TLS of it, if it has any."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's word."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """The loop's word."""
        reading, answered = self._reading, self._answered
        if reading is None or answered is None:
            self.drop()
            return
        try:
            reading.feed(data)
        except Malformed as error:
            self._settle(error)
            return
        if reading.done:
            self._settle(None)
        elif reading.has_head:
            self._acknowledge()

    def connection_lost(self, error: Exception | None) -> None:
        """The loop's word."""
        self.closed = True
        reading = self._reading
        if reading is not None and reading.has_head:
            reading.end() if error is None else reading.cut()
            self._settle(None)
        else:
            self._settle(error or ConnectionResetError())
        self._ended(self)

    def pause_writing(self) -> None:
        """The loop's word."""
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The loop's word."""
        if self._room is not None and self._transport is not None:
            self._room.set_result(not self._transport.is_closing())
            self._room = None

    async def _upload(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        """Write a large body as it is taken, until all of it is, or the answer is there before that."""
        whole = memoryview(body)
        transport.write(head)
        for start in range(0, len(whole), _LARGE):
            transport.write(bytes(whole[start : start + _LARGE]))
            if not await self._has_room(transport):
                return
        transport.set_write_buffer_limits(0)  # from now on "room" is that nothing is left
        if await self._has_room(transport):
            transport.set_write_buffer_limits()
            self.sent = True

    async def _has_room(self, transport: asyncio.Transport) -> bool:
        """Wait for room to write; False when the answer is there first, or the connection breaks.

        A write that fails breaks the connection at once, but says so only in the next turn of the loop.
        """
        room, answered = self._room, self._answered
        if answered is None or answered.done():
            return False
        if room is None:
            return not transport.is_closing()
        either: set[asyncio.Future[Any]] = {room, answered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return room.done() and room.result()

    def _settle(self, error: Exception | None) -> None:
        """The exchange is over: with an answer, or without."""
        if self._answered is None or self._answered.done():
            return
        if error is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(error)

    def _expire(self) -> None:
        if self._reading is not None and self._reading.has_head:
            self._reading.cut()
            self._settle(None)
        else:
            self._settle(TimeoutError())

    def _acknowledge(self) -> None:
        """Acknowledge the head at once when the body is still to come.

        Servers that write the two apart hold the body back until then (Nagle), and Linux would take its 40 ms.
        """
        if hasattr(socket, "TCP_QUICKACK"):
            # A connection that has just gone takes no options; the answer stands all the same.
            with contextlib.suppress(OSError):
                self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
