"""What the functions of routes are called with, found as FastAPI finds it, at a fraction of the price.

FastAPI walks through a tree of dependencies for each request. Nearly all routes want the same few things: who
calls, a JSON body, ids from the path, perhaps a header. What a route wants is known when it is made. FastAPI still
declares and documents the routes, and serves those that want anything else, such as what is in the query.
"""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from waypost.web.routes.body import JsonBody

Responder = Callable[[Request], Awaitable[Response]]


def plainly(route: APIRoute) -> Responder | None:
    """What answers the requests of a route; None where FastAPI has to."""
    wanted, function = route.dependant, route.endpoint
    itself = [wanted.request_param_name] if wanted.request_param_name else []
    callers: list[tuple[str | None, Any]] = [(each.name, each.call) for each in wanted.dependencies]
    ids = [(each.name, each.alias) for each in wanted.path_params if _is_plain(each, str)]
    headers = [(each.name, each.alias) for each in wanted.header_params if _is_plain(each, str | None)]
    if (
        len(ids) + len(headers) < len(wanted.path_params) + len(wanted.header_params)
        or _wants_more(wanted)
        or not all(_takes_the_request(each) for each in wanted.dependencies)
        or function.__annotations__.get("return") is not Response
    ):
        return None

    async def answer(request: Request) -> Response:
        given: dict[str, Any] = dict.fromkeys(itself, request)
        for name, find in callers:
            found = await find(request)
            if name is not None:
                given[name] = found
        for name, alias in ids:
            given[name] = request.path_params[alias]
        for name, alias in headers:
            given[name] = request.headers.get(alias)
        response: Response = await function(**given)
        return response

    return answer


def _is_plain(field: Any, kind: object) -> bool:
    """Whether a parameter is whatever text the request has; an optional one is None without it."""
    info = field.field_info
    return info.annotation == kind and not info.metadata and (kind is str or info.default is None)


def _takes_the_request(wanted: Dependant) -> bool:
    """Whether a dependency is an async function of the request alone."""
    call = wanted.call
    return (
        wanted.request_param_name is not None
        and (iscoroutinefunction(call) or isinstance(call, JsonBody))
        and not (wanted.dependencies or wanted.path_params or wanted.header_params or _wants_more(wanted))
    )


def _wants_more(wanted: Dependant) -> bool:
    """Whether something is wanted that is not found here."""
    return bool(
        wanted.query_params
        or wanted.cookie_params
        or wanted.body_params
        or wanted.http_connection_param_name
        or wanted.websocket_param_name
        or wanted.response_param_name
        or wanted.background_tasks_param_name
        or wanted.security_scopes_param_name
    )
