"""An answer that is made while the request is still read, for senders who read it only afterwards, too.

What is made waits in a spool, in memory first and then in an unnamed file: making it never waits for the
reader, so that neither side can block the other.
"""

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MOST_IN_MEMORY = 1_000_000
CHUNK_BYTES = 65_536


class Spool:
    """Bytes between a maker and a reader, in order, without a bound but the disk's."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=MOST_IN_MEMORY)  # noqa: SIM115 - `close` closes it
        self._written = 0
        self._taken = 0
        self._ended = False
        self._changed = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Add at the end."""
        self._file.seek(self._written)
        self._file.write(data)
        self._written += len(data)
        self._changed.set()

    def end(self) -> None:
        """Nothing more will be put."""
        self._ended = True
        self._changed.set()

    async def take(self) -> bytes:
        """The next bytes, once there are any; empty at the end."""
        while self._taken == self._written:
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        self._file.seek(self._taken)
        data = self._file.read(CHUNK_BYTES)
        self._taken += len(data)
        if self._taken == self._written:
            self._file.seek(0)
            self._file.truncate()
            self._taken = self._written = 0
        return data

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class Streamed(Response):
    """Status 200 and what `made` gives, as it comes. Starlette's own streaming would read the request away."""

    def __init__(self, made: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._made = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        spool = Spool()
        making = asyncio.create_task(self._fill(spool))
        try:
            while data := await spool.take():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await making
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            spool.close()

    async def _fill(self, spool: Spool) -> None:
        try:
            async for data in self._made:
                spool.put(data)
        finally:
            spool.end()
