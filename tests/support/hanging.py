"""A receiver for hundreds of connections at once, which answers until it is told to hang.

with Hanging() as receiver:
    receiver.wait(40)            # blocks until so many requests came
    receiver.hang()              # from now on nobody is answered, and connections stay open
    receiver.busiest             # the most requests in hand at one time
    receiver.let_go()            # whoever waits is answered, and everybody after
"""

import asyncio
import threading
from contextlib import AbstractContextManager

from tests.support.waiting import until

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Hanging(AbstractContextManager["Hanging"]):
    """See the top of the file."""

    def __init__(self) -> None:
        self.received = self.in_hand = self.busiest = 0
        self._loop = asyncio.new_event_loop()
        self._answering = asyncio.Event()
        self._answering.set()
        self._serving: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024, limit=1 << 20)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hang(self) -> None:
        """Answer nobody from now on."""
        self._loop.call_soon_threadsafe(self._answering.clear)

    def let_go(self) -> None:
        """Answer everybody."""
        self._loop.call_soon_threadsafe(self._answering.set)

    def wait(self, count: int) -> None:
        """Block until so many requests came."""
        until(lambda: self.received >= count, f"the coming of {count} requests")

    async def _close(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                await self._request(reader)
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._serving.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> None:
        """Read one, and return when it may be answered."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.received += 1
        self.in_hand += 1
        self.busiest = max(self.busiest, self.in_hand)
        try:
            await self._answering.wait()
        finally:
            self.in_hand -= 1
