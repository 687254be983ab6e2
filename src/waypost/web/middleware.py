"""Around every request: an id in the answer, the log line and the audit event, and an answer whatever happens."""

import re

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from waypost.ids import new_id
from waypost.web.routes import problems

log = structlog.get_logger("waypost.web")
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Gives each request an id: the client's own `X-Request-Id` when that is a plain word of 8 to 64.

    An exception that nothing else has answered is answered here, so that this answer has the id too, and so that
    the server, which would log it with its message, never sees it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _GIVEN.fullmatch(given) else new_id().encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        started = False

        async def with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                log.debug("request.answered", request_id=request_id.decode(), status=message["status"])
            await send(message)

        try:
            await self.app(scope, receive, with_id)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            answer = problems.surprise(scope, error)
            if started:
                raise ConnectionAbortedError("The answer broke off.") from None
            await answer(scope, receive, with_id)
