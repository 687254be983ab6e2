"""Who calls: a route says in its signature whether it takes users or sources."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from waypost.access import Caller, Principal, Source, User
from waypost.errors import Forbidden, Unauthenticated

Authenticate = Callable[[str], Awaitable[Principal]]
"""From a bearer token to its principal. Raises Unauthenticated."""


async def any_caller(request: Request) -> Caller:
    """Whoever holds the request's bearer token. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send Authorization: Bearer <access token>; /v2/auth/token gives one.")
    authenticate: Authenticate = request.app.state.authenticate
    principal = await authenticate(token.strip())
    caller = Caller(
        principal, client_ip(request), request.state.request_id, f"{request.method} {request.scope['path']}"
    )
    request.state.caller = caller
    request.app.state.limits.count(caller)
    return caller


async def user(request: Request) -> Caller:
    """A user. Raises Forbidden for a source's token."""
    caller = await any_caller(request)
    if not isinstance(caller.principal, User):
        raise Forbidden("This is a source's token; the Platform API needs that of a user-level API key.")
    return caller


async def source(request: Request) -> Caller:
    """A source. Raises Forbidden for a user's token."""
    caller = await any_caller(request)
    if not isinstance(caller.principal, Source):
        raise Forbidden("This is a user's token; messages need that of an API key of their environment.")
    return caller


async def anybody(request: Request) -> None:
    """Count a request to an address that needs no token, where any answer takes work. Raises RateLimited."""
    request.app.state.limits.count_open(client_ip(request))


def client_ip(request: Request) -> str:
    """The peer's address, or the one a trusted proxy gave (uvicorn has put it in the scope)."""
    return request.client.host if request.client else "unknown"


UserCaller = Annotated[Caller, Depends(user)]
AnyCaller = Annotated[Caller, Depends(any_caller)]
