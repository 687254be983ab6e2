"""What Redox documents and Waypost does not serve answers 501, and only to those who may ask."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Request
from tests.support.serving import Client, Serving

from waypost.access import Principal, Source, User
from waypost.errors import Forbidden, Unauthenticated
from waypost.web.application import application
from waypost.web.document import unbuilt, vendor
from waypost.web.rates import Limits
from waypost.web.routes.callers import UserCaller

PRINCIPALS: dict[str, Principal] = {"user": User(1, "u"), "source": Source("s", "e")}


async def authenticate(token: str) -> Principal:
    if token not in PRINCIPALS:
        raise Unauthenticated("Unknown token.")
    return PRINCIPALS[token]


async def refused(request: Request, error: Forbidden) -> None:
    assert isinstance(request.state.request_id, str)
    assert error.code == "forbidden"


@pytest.fixture(scope="module")
def call() -> Iterator[Client]:
    router = APIRouter()

    @router.get("/platform/v1/destinations/{destination}")
    async def get(caller: UserCaller, destination: str) -> dict[str, Any]:
        return {"payload": destination, "user": caller.user_id}

    app = application(routers=[router], authenticate=authenticate, limits=Limits("roomy"), refused=refused)
    app.router.routes.extend(unbuilt.routes(unbuilt.served(app.routes)))
    with Serving(app) as serving:
        yield serving.client


def unserved(caller: str) -> list[tuple[str, str]]:
    return [
        (operation.method, operation.path.replace("{", "").replace("}", ""))
        for operation in vendor.OPERATIONS
        if operation.method and operation.path and operation.caller == caller
        if (operation.method, operation.name) != ("GET", "Get destination")
    ]


def test_every_documented_platform_operation_that_is_not_served_answers_501(call: Client) -> None:
    for method, path in unserved("user"):
        answer = call(method, path, token="user")
        assert (answer.status, answer.json["type"]) == (501, "/problems/not_implemented"), (method, path)


def test_a_stranger_gets_401_before_501(call: Client) -> None:
    for method, path in unserved("user") + unserved("source"):
        answer = call(method, path)
        assert answer.status == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_sources_token_on_the_platform_gets_403(call: Client) -> None:
    assert call("GET", "/platform/v1/environments/e/operations/valuesets", token="source").status == 403


def test_the_older_message_paths_answer_501_to_a_source_and_403_to_a_user(call: Client) -> None:
    for path in ("/query", "/upload"):
        assert call("POST", path, {}, token="source").status == 501
        assert call("POST", path, {}, token="user").status == 403


def test_ways_to_get_a_token_answer_501_without_one(call: Client) -> None:
    for method, path in unserved("nobody"):
        assert call(method, path).status == 501, (method, path)


def test_a_served_operation_is_left_alone_however_its_parameter_is_named(call: Client) -> None:
    answer = call("GET", "/platform/v1/destinations/d", token="user")
    assert (answer.status, answer.json) == (200, {"payload": "d", "user": 1})


def test_another_method_of_a_served_path_still_answers_501(call: Client) -> None:
    assert call("PATCH", "/platform/v1/destinations/d", {}, token="user").status == 501


def test_a_method_that_no_operation_has_is_a_405_with_every_method_allowed(call: Client) -> None:
    answer = call("PUT", "/platform/v1/destinations/d", {}, token="user")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, PATCH")


def test_an_undocumented_path_is_a_404(call: Client) -> None:
    assert call("GET", "/platform/v1/nothing", token="user").status == 404


def test_the_detail_names_the_operation(call: Client) -> None:
    detail = call("POST", "/platform/v1/promotions", {}, token="user").json["detail"]
    assert "Promotions: Promote asset" in detail


def test_operations_that_are_not_built_are_not_in_the_openapi_document() -> None:
    assert not [route.path for route in unbuilt.routes(()) if route.include_in_schema]
