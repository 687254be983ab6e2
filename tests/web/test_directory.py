"""The short way to a route and to what it is called with leads where FastAPI's own leads."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from tests.support.house import House
from tests.support.serving import Answer, Client, Serving

from waypost.access import Principal, User
from waypost.errors import Forbidden, Unauthenticated
from waypost.web.application import application
from waypost.web.arguments import plainly
from waypost.web.directory import Directory
from waypost.web.rates import Limits
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import answer


class Body(BaseModel):
    name: str


async def authenticate(token: str) -> Principal:
    if token != "user":
        raise Unauthenticated("Unknown token.")
    return User(1, "u")


async def refused(request: Request, error: Forbidden) -> None:
    raise AssertionError("nobody is refused here")


def wards() -> APIRouter:
    router = APIRouter()

    @router.get("/waypost/v1/wards/newest")
    async def newest() -> Response:
        return answer({"ward": "newest"})

    @router.patch("/waypost/v1/wards/{wardId}")
    async def change(
        caller: UserCaller,
        wardId: str,
        request: Request,
        raw: Annotated[Any, Depends(JsonBody(Body))],
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        given = {"user": caller.user_id, "ward": wardId, "raw": raw, "if": if_match}
        return answer(given | {"method": request.method})

    @router.get("/waypost/v1/wards/{wardId}")
    async def get(wardId: str) -> Response:
        return answer({"ward": wardId})

    @router.get("/waypost/v1/wards/{wardId}/beds")
    async def beds(caller: UserCaller, wardId: str, most: Annotated[int, Query(ge=1)] = 5) -> Response:
        return answer({"ward": wardId, "most": most})

    return router


def serving(*, shortly: bool) -> Serving:
    app = application(routers=[wards()], authenticate=authenticate, limits=Limits("roomy"), refused=refused)
    assert isinstance(app.router.routes[0], Directory)
    if not shortly:
        del app.router.routes[0]
    return Serving(app)


@pytest.fixture(scope="module")
def ways() -> Iterator[tuple[Client, Client]]:
    """The same routes with the directory before them, and as FastAPI alone has them."""
    with serving(shortly=True) as short, serving(shortly=False) as long:
        yield short.client, long.client


WARD = "/waypost/v1/wards/7"
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", WARD, {"body": {"name": "North"}, "token": "user"}),
    ("PATCH", WARD, {"body": {"name": "North"}, "token": "user", "headers": {"If-Match": '"3"'}}),
    ("PATCH", "/waypost/v1/wards/a%20b%2Fc", {"body": {}, "token": "user"}),
    ("PATCH", WARD, {"body": {"name": "North"}}),
    ("PATCH", WARD, {"body": b"{", "token": "user", "headers": {"Content-Type": "application/json"}}),
    ("PATCH", WARD, {"body": b"{}", "token": "user", "headers": {"Content-Type": "text/plain"}}),
    ("GET", "/waypost/v1/wards/newest", {}),
    ("GET", WARD, {}),
    ("GET", f"{WARD}?most=2", {}),
    ("HEAD", WARD, {}),
    ("DELETE", WARD, {}),
    ("GET", f"{WARD}/", {}),
    ("GET", f"{WARD}/beds?most=2", {"token": "user"}),
    ("GET", f"{WARD}/beds?most=0", {"token": "user"}),
    ("GET", "/waypost/v1/wards/{wardId}", {}),
    ("GET", "/waypost/v1/wards", {}),
    ("GET", "/", {}),
]


@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
def test_both_ways_answer_alike(ways: tuple[Client, Client], method: str, path: str, more: dict[str, Any]) -> None:
    short, long = (_said(call(method, path, **more)) for call in ways)
    assert short == long


def test_a_function_is_called_with_all_that_it_asks_for(ways: tuple[Client, Client]) -> None:
    said = ways[0]("PATCH", WARD, {"name": "North"}, token="user", headers={"If-Match": '"3"'}).payload
    assert said == {"user": 1, "ward": "7", "raw": {"name": "North"}, "if": '"3"', "method": "PATCH"}


def test_what_is_not_as_plain_as_that_is_left_to_fastapi() -> None:
    plain = {
        (method, route.path): plainly(route) is not None
        for route in wards().routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert plain.pop(("GET", "/waypost/v1/wards/{wardId}/beds")) is False
    assert all(plain.values())


def test_the_directory_finds_the_route_that_would_have_been_asked_first(house: House) -> None:
    directory, *routes = house.waypost.faces.http.routes
    assert isinstance(directory, Directory)
    for route in (each for each in routes if isinstance(each, Route)):
        for method in route.methods or ():
            scope = {"type": "http", "method": method, "path": route.path.replace("{", "").replace("}", "")}
            matches = [each.matches(scope) for each in routes]
            first = next(found for match, found in matches if match is Match.FULL)
            match, found = directory.matches(scope)
            if match is Match.FULL:  # what the vendor documents and we do not serve, it does not know
                assert found["endpoint"] is first["endpoint"], (method, route.path)


def test_the_directory_knows_what_is_served(house: House) -> None:
    scope = {"type": "http", "method": "PATCH", "path": "/platform/v1/destinations/1"}
    assert house.waypost.faces.http.routes[0].matches(scope)[0] is Match.FULL


def test_a_route_that_takes_the_rest_of_a_path_is_not_lost_behind_the_directory() -> None:
    async def rest(request: Request) -> Response:
        return PlainTextResponse("")

    directory = Directory([Route("/files/{name:path}", rest), Route("/files/one", rest)])
    assert directory.matches({"type": "http", "method": "GET", "path": "/files/a/b"})[0] is Match.NONE


def _said(said: Answer) -> tuple[int, bytes, dict[str, str]]:
    changing = {"date", "x-request-id"}
    return said.status, said.body, {name: each for name, each in said.headers.items() if name not in changing}
