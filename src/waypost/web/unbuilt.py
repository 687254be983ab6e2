"""501 for every documented operation that the application does not serve: never a 404 for what Redox documents.

The caller is authenticated first, so that a stranger learns nothing but 401.
"""

import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from fastapi import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from waypost.errors import NotImplementedYet
from waypost.web import callers, vendor

NAME = "unbuilt"
"""What these routes are called, so that nobody takes them for the real thing."""

CALLER = {"user": [Depends(callers.user)], "source": [Depends(callers.source)], "nobody": []}


def served(routes: Sequence[BaseRoute]) -> set[tuple[str, str]]:
    """Method and path template of each route, those of included routers too, the unbuilt left out."""
    return {
        (method, context.path)
        for context in iter_route_contexts(routes)
        for method in (context.methods or set()) - {"HEAD"}
        if context.path and context.name != NAME
    }


def routes(built: Collection[tuple[str, str]]) -> list[APIRoute]:
    """A route for each documented operation that is not among the built (method, path template) pairs.

    How a template names its parameters does not matter. None of them is in the OpenAPI document. They belong
    behind the application's own routes.
    """
    known = {(method, shape(path)) for method, path in built}
    return [
        APIRoute(
            operation.path,
            _refusal(operation),
            name=NAME,
            methods=[operation.method],
            dependencies=CALLER[operation.caller],
            include_in_schema=False,
        )
        for operation in vendor.OPERATIONS
        if operation.method and operation.path and (operation.method, shape(operation.path)) not in known
    ]


def shape(path: str) -> str:
    """The template without the names of its parameters: `/a/{id}` is `/a/{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _refusal(operation: vendor.Operation) -> Callable[[], Coroutine[Any, Any, None]]:
    async def refuse() -> None:
        name = f"“{operation.group}: {operation.name}”"
        raise NotImplementedYet(f"{name} is documented by Redox but not built in Waypost yet.")

    return refuse
