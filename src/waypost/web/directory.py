"""Finds a request's route by where its path begins, instead of asking more than a hundred routes in turn."""

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from waypost.web.arguments import plainly

SEGMENTS = 3
"""Of a path, which tell most routes apart: `/platform/v1/destinations`."""
_FOUND = "waypost.app"

_Place = tuple[str, str, int]


class Directory(BaseRoute):
    """Stands before the routes that it knows, and asks those alone that the request can be for.

    What it does not find goes on to the others as ever, one by one: a wrong method, and a route that has no
    methods or whose first segments are not plain words.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._near: dict[_Place, list[tuple[Route, ASGIApp]]] = {}
        for route in routes:
            if isinstance(route, Route) and ":" not in route.path:  # `{rest:path}` has any number of segments
                known = route, _app(route)
                for method in route.methods or ():
                    self._near.setdefault(_place(method, route.path), []).append(known)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A full match of the first route that has one, or none."""
        if scope["type"] == "http":
            for route, app in self._near.get(_place(scope["method"], scope["path"]), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, {**found, _FOUND: app}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Only the routes themselves have names."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the route answer that was found."""
        app: ASGIApp = scope[_FOUND]
        await app(scope, receive, send)


def _app(route: Route) -> ASGIApp:
    answer = plainly(route) if isinstance(route, APIRoute) else None
    return route.app if answer is None else request_response(answer)


def _place(method: str, path: str) -> _Place:
    """The method, the first segments, and how many there are in all."""
    return method, "/".join(path.split("/", SEGMENTS + 1)[: SEGMENTS + 1]), path.count("/")
