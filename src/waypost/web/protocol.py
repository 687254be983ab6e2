"""HTTP/1.1 as uvicorn speaks it, but for two things.

What cannot be parsed is answered as every other error is; and head and body of an answer are written in one go.
"""

import asyncio
import json
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from waypost.ids import new_id
from waypost.web import problems


class Protocol(HttpToolsProtocol):
    """Answers bytes that are no HTTP request with a problem document and a request id, and hangs up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's, over a transport that joins what is written."""
        super().connection_made(cast(asyncio.Transport, _Joining(transport)))

    def send_400_response(self, msg: str) -> None:
        """In place of uvicorn's plain text."""
        body = {
            "type": "/problems/malformed_request",
            "title": "Malformed request",
            "status": 400,
            "detail": "This is not a well-formed HTTP/1.1 request.",
            "instance": "",
            "meta": problems.META,
        }
        content = json.dumps(body).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {problems.MEDIA_TYPE}\r\n"
            f"content-length: {len(content)}\r\n"
            f"x-request-id: {new_id()}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


class _Joining:
    """A transport that writes an answer's head together with what follows in the same turn of the loop.

    Each write is a system call and wakes the other side; uvicorn makes one for the head and one for the body.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at once what follows a head; a head by itself waits, until this turn of the loop is over."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            asyncio.get_running_loop().call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Write what waits, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
