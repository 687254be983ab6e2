"""Around every request: an id in the answer, the log line and the audit event."""

import re

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from waypost.ids import new_id

log = structlog.get_logger("waypost.web")
_GIVEN = re.compile(rb"^[A-Za-z0-9._-]{8,64}$")


class RequestIds:
    """Gives each request an id: the client's own `X-Request-Id` when that is a plain word of 8 to 64."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _GIVEN.match(given) else new_id().encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                log.debug("request.answered", request_id=request_id.decode(), status=message["status"])
            await send(message)

        await self.app(scope, receive, with_id)
