"""The OpenAPI document and its page: valid, complete, and true of what is served."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.support.house import House

from waypost.web.document import vendor
from waypost.web.document.links import LINKS
from waypost.web.document.unbuilt import served, shape

TEXT = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
OPEN = ("/v2/auth/", "/auth/", "/waypost/v1/credentials/")
"""What needs no token: the ways to get one, and the public keys of credentials."""
NOT_IN_IT = {"/", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"}
OLDER = shape(vendor.OLD_ROLES)
"""The older path of four operations: served, and left out of the document on purpose."""

Operation = tuple[str, str, dict[str, Any]]
"""Method, path and the operation itself."""


@pytest.fixture(scope="module")
def document(house: House) -> dict[str, Any]:
    answer = house.call("GET", "/openapi.json", by=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def promised() -> set[tuple[str, str]]:
    """Method and path shape of every request that docs/compatibility.md says is served."""
    rows = re.findall(r"^\|.*`([A-Z]+) (/[^`]*)`.*\| (?:works|partly) \|", TEXT, re.MULTILINE)
    return {(method, shape(path)) for method, path in rows}


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in it."""
    if isinstance(value, dict):
        yield from (each for name, each in value.items() if name == "$ref")
        yield from (found for each in value.values() for found in references(each))
    elif isinstance(value, list):
        yield from (found for each in value for found in references(each))


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_everything_that_works_is_in_it(operations: list[Operation]) -> None:
    described = {(method, shape(path)) for method, path, _ in operations}
    missing = {route for route in promised() if route[1] not in NOT_IN_IT | {OLDER}} - described
    assert sorted(missing) == []
    assert {
        ("POST", "/endpoint"),
        ("POST", "/v2/auth/token"),
        ("PATCH", "/platform/v1/destinations/{}"),
    } <= described


def test_nothing_is_in_it_that_is_not_served(house: House, operations: list[Operation]) -> None:
    routes = {(method, shape(path)) for method, path in served(house.waypost.faces.http.routes)}
    described = {(method, shape(path)) for method, path, _ in operations}
    assert sorted(described - routes) == []
    assert sorted(route for route in routes - described if route[1] not in NOT_IN_IT | {OLDER}) == []


def test_every_operation_has_an_id_of_its_own_a_summary_and_a_tag(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        assert operation.get("operationId"), (method, path)
        assert operation.get("summary"), (method, path)
        assert len(operation.get("tags", [])) == 1, (method, path)
    ids = Counter(operation["operationId"] for _, _, operation in operations)
    assert [name for name, times in ids.items() if times > 1] == []


def test_every_operation_says_how_it_can_fail(operations: list[Operation]) -> None:
    wanting = []
    for method, path, operation in operations:
        needed = {"503"} if path.startswith(OPEN) else {"401", "403", "429", "503"}
        needed -= {"403"} if operation["operationId"] == "getDeliveries" else set()
        needed |= {"404"} if "{" in path else set()
        needed |= (
            {"400", "413", "415"}
            if "application/json" in operation.get("requestBody", {}).get("content", {})
            else set()
        )
        wanting += [(method, path, status) for status in sorted(needed - operation["responses"].keys())]
    assert wanting == []


@pytest.mark.parametrize(
    ("operation_id", "statuses"),
    [
        ("getDestinations", "200 401 403 404 429 503"),
        ("createDestination", "201 400 401 403 404 409 413 415 429 503"),
        ("getDestination", "200 401 403 404 429 503"),
        ("updateDestination", "200 400 401 403 404 412 413 415 429 503"),
        ("deleteDestination", "200 400 401 403 404 409 413 415 429 503"),
        ("verifyDestination", "200 400 401 403 404 409 413 415 429 503"),
        ("getCredentialKeys", "200 404 429 503"),
        ("exchangeToken", "200 400 401 413 429 503"),
        ("sendMessage", "200 400 401 403 409 413 415 429 503"),
    ],
)
def test_an_operation_names_exactly_the_statuses_it_can_give(
    operations: list[Operation], operation_id: str, statuses: str
) -> None:
    (operation,) = [operation for _, _, operation in operations if operation["operationId"] == operation_id]
    assert sorted(operation["responses"]) == statuses.split()


def test_a_post_that_makes_a_resource_answers_201(operations: list[Operation]) -> None:
    creates = [one for one in operations if one[2]["summary"].startswith("Create ")]
    assert len(creates) >= 5
    assert [path for _, path, operation in creates if "201" not in operation["responses"]] == []


def test_failures_are_problem_documents(document: dict[str, Any], operations: list[Operation]) -> None:
    for method, path, operation in operations:
        if path in {"/endpoint", "/v2/auth/token"}:
            continue
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
    members = document["components"]["schemas"]["Problem"]["properties"]
    assert {"type", "title", "status", "detail", "instance", "meta", "errors"} == members.keys()


def test_a_real_problem_fits_its_schema(house: House, document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    path = f"/platform/v1/destinations/{house.destination()['id']}"
    for answer in (house.call("PATCH", path, {"name": 1, "a": 1}), house.call("GET", path, by=None)):
        Draft202012Validator(schema).validate(answer.json)


def test_a_real_destination_fits_its_schema(house: House, document: dict[str, Any]) -> None:
    made = house.destination(endpoint="https://one.example.com/", authCredential=house.credential())
    path = f"/platform/v1/destinations/{made['id']}"
    for operation_path, answer in (
        ("/platform/v1/destinations/{destinationId}", house.call("GET", path)),
        ("/waypost/v1/destinations/{destinationId}", house.call("GET", path.replace("platform", "waypost"))),
    ):
        response = document["paths"][operation_path]["get"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": document["components"]}).validate(answer.json)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    found = set(references(document))
    assert found <= known
    assert known - found == set()


def test_every_link_leads_to_an_operation_that_takes_what_it_gives(
    operations: list[Operation], document: dict[str, Any]
) -> None:
    by_id = {operation["operationId"]: (path, operation) for _, path, operation in operations}
    found = 0
    for links in LINKS:
        given = by_id[links.source][1]["responses"][str(links.status)]["links"]
        assert given.keys() == set(links.targets)
        for target, link in given.items():
            names = {f"{{{name}}}" for name in link["parameters"]}
            assert names == set(re.findall(r"\{\w+\}", by_id[target][0])), target
            found += 1
    assert found >= 30


def test_only_ways_to_get_a_token_and_public_keys_need_none(operations: list[Operation]) -> None:
    without = {path for _, path, operation in operations if "security" not in operation}
    assert without == {path for _, path, _ in operations if path.startswith(OPEN)}


def test_every_body_is_described(operations: list[Operation]) -> None:
    writing = [one for one in operations if one[0] in {"PUT", "PATCH"} or one[2]["summary"].startswith("Create ")]
    assert [(method, path) for method, path, operation in writing if "requestBody" not in operation] == []


def test_the_updates_body_has_the_documented_fields(document: dict[str, Any]) -> None:
    operation = document["paths"]["/platform/v1/destinations/{destinationId}"]["patch"]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    assert {"name", "authCredential", "endpoint", "verificationToken"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False
    assert "required" not in schema


def test_no_framework_answer_is_promised(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    assert '"422"' not in text


def test_a_documented_operation_keeps_the_vendors_name(operations: list[Operation]) -> None:
    names = {(one.method, shape(one.path)): one.name.partition(" (")[0] for one in vendor.OPERATIONS if one.path}
    here = {
        (method, shape(path)): operation["summary"]
        for method, path, operation in operations
        if path.startswith("/platform/")
    }
    assert {route: name for route, name in here.items() if name != names[route]} == {}


class Page(HTMLParser):
    """What a browser would load or run for the page."""

    LOADING = ("src", "href", "srcset", "data", "action", "poster", "background", "formaction")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in self.LOADING]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


@pytest.fixture(scope="module")
def page(house: House) -> str:
    answer = house.call("GET", "/docs", by=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.body.decode()


def test_the_page_has_no_script_and_fetches_nothing(page: str) -> None:
    read = Page(page)
    assert not {"script", "iframe", "object", "embed", "link", "img", "form", "base"} & set(read.tags)
    assert (read.handlers, read.links) == ([], ["/openapi.json"])
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert style
    assert "url(" not in style
    assert "@import" not in style


def test_the_pages_policy_forbids_what_it_does_not_need(house: House) -> None:
    headers = house.call("GET", "/docs", by=None).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_shows_every_operation(page: str, operations: list[Operation]) -> None:
    for _, path, operation in operations:
        assert f"<code>{path}</code>" in page
        assert escape(operation["summary"]) in page
