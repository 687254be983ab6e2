"""501 for every documented operation that the application does not serve: never a 404 for what Redox documents.

The caller is authenticated first, so that a stranger learns nothing but 401.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from waypost.errors import NotImplementedYet
from waypost.web.document import vendor
from waypost.web.routes import callers

NAME = "unbuilt"
"""What these routes are called, so that nobody takes them for the real thing."""

CALLER = {"user": callers.user, "source": callers.source, "nobody": None}
"""Who may ask, and how it is found out."""


def served(routes: Sequence[BaseRoute]) -> set[tuple[str, str]]:
    """Method and path template of each route, those of included routers too, the unbuilt left out."""
    return {
        (method, context.path)
        for context in iter_route_contexts(routes)
        for method in (context.methods or set()) - {"HEAD"}
        if context.path and context.name != NAME
    }


def routes(built: Collection[tuple[str, str]]) -> list[Route]:
    """A route for each documented operation that is not among the built (method, path template) pairs.

    How a template names its parameters does not matter. None of them is in the OpenAPI document. They belong
    behind the application's own routes.
    """
    known = {(method, shape(path)) for method, path in built}
    return [
        _Unbuilt(operation.path, operation.method, _refusal(operation))
        for operation in vendor.OPERATIONS
        if operation.method and operation.path and (operation.method, shape(operation.path)) not in known
    ]


class _Unbuilt(Route):
    """A plain route: FastAPI takes longer to make these than a start takes for all else that answers."""

    def __init__(self, path: str, method: str, refuse: Callable[[Request], Awaitable[Response]]) -> None:
        super().__init__(path, refuse, methods=[method], name=NAME, include_in_schema=False)
        self.methods = {method}  # not HEAD as well


def shape(path: str) -> str:
    """The template without the names of its parameters: `/a/{id}` is `/a/{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _refusal(operation: vendor.Operation) -> Callable[[Request], Awaitable[Response]]:
    find = CALLER[operation.caller]

    async def refuse(request: Request) -> Response:
        if find is not None:
            await find(request)
        name = f"“{operation.group}: {operation.name}”"
        raise NotImplementedYet(f"{name} is documented by Redox but not built in Waypost yet.")

    return refuse
