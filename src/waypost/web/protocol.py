"""HTTP/1.1 as uvicorn speaks it, but for what cannot be parsed: that is answered as every other error is."""

import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from waypost.ids import new_id
from waypost.web import problems


class Protocol(HttpToolsProtocol):
    """Answers bytes that are no HTTP request with a problem document and a request id, and hangs up."""

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
