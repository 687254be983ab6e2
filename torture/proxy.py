"""A network that fails on command: a TCP proxy on loopback, one event loop in a thread of its own.

    with Proxy(port) as proxy:              # passes everything on to that port
        connect_to(proxy.port)
        proxy.become(CUT)                   # who is connected is reset, who comes is too
        proxy.become(SWALLOW)               # accepts and takes everything, passes nothing on, says nothing
        proxy.become(Way(delay=0.2))        # each piece is late
        proxy.become(Way(rate=2_000))       # so many bytes a second, each way of each connection
        proxy.become(Way(reset_after=800))  # each connection is reset after at most so many bytes
        proxy.become(PASS)
        proxy.aim(other)                    # new connections go to another port
        proxy.broken, proxy.swallowed       # how many connections it has broken so far; bytes that went nowhere

What a connection lost is lost: one that was swallowed stays dumb, as behind a firewall that forgot it.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

PIECE = 65_536
ENTRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Way:
    """How the network is. `reset_after`: bytes, drawn up to that for each connection, both ways together."""

    open: bool = True
    swallows: bool = False
    delay: float = 0
    rate: float = 0
    reset_after: int = 0


PASS = Way()
CUT = Way(open=False)
SWALLOW = Way(swallows=True)


class Proxy(AbstractContextManager["Proxy"]):
    """See the top of the file. Its methods are for any thread."""

    def __init__(self, target: int, *, seed: int = 0) -> None:
        self.broken = self.swallowed = 0
        self._target = target
        self._way = PASS
        self._links: set[_Link] = set()
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="torture-proxy", daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def way(self) -> Way:
        """How the network is now."""
        return self._way

    def become(self, way: Way) -> None:
        """Make the network so, for those that are connected too."""
        self._do(self._become(way))

    def aim(self, target: int) -> None:
        """Send new connections to another port."""
        self._target = target

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ENTRY_SECONDS)

    async def _become(self, way: Way) -> None:
        self._way = way
        for link in list(self._links):
            if not way.open:
                self._break(link)
            elif way.swallows:
                link.dumb = True
            link.left = self._limit()

    async def _close(self) -> None:
        self._server.close()
        tasks = [link.task for link in self._links]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _limit(self) -> int | None:
        return self._draw.randint(1, self._way.reset_after) if self._way.reset_after else None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a task is what runs this
        link = _Link(task, [writer], dumb=self._way.swallows, left=self._limit())
        self._links.add(link)
        try:
            if not self._way.open:
                self._break(link)
            elif link.dumb:
                await self._pump(link, reader, writer)
            else:
                await self._join(link, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(link)
            for each in link.ends:
                each.transport.abort()

    async def _join(self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both directions, until one of them ends."""
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        link.ends.append(back)
        pumps = [asyncio.create_task(self._pump(link, *ends)) for ends in ((reader, back), (there, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in pumps:
                each.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._pass(link, piece, writer)
        if link.dumb:  # nobody hears that one of them has gone
            await asyncio.get_running_loop().create_future()

    async def _pass(self, link: "_Link", piece: bytes, writer: asyncio.StreamWriter) -> None:
        way = self._way
        if way.delay:
            await asyncio.sleep(way.delay)
        if way.rate:
            await asyncio.sleep(len(piece) / way.rate)
        if link.dumb:
            self.swallowed += len(piece)
            return
        if link.left is not None:
            link.left -= len(piece)
            if link.left < 0:
                writer.write(piece[: link.left])
                self._break(link)
                return
        writer.write(piece)
        await writer.drain()

    def _break(self, link: "_Link") -> None:
        """Reset both ends."""
        if not link.is_broken and len(link.ends) > 1:
            link.is_broken = True
            self.broken += 1
        for each in link.ends:
            with contextlib.suppress(OSError, AttributeError):
                end: socket.socket = each.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.transport.abort()


@dataclass(eq=False)
class _Link:
    """A connection through the proxy. `left`: bytes until it is reset."""

    task: "asyncio.Task[None]"
    ends: list[asyncio.StreamWriter]
    dumb: bool
    left: int | None
    is_broken: bool = False
