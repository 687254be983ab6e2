"""Every route of the application by every caller, against the one table; and ids of others in paths."""

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.permissions import matrix
from tests.permissions.matrix import UNBUILT, Line
from tests.permissions.scene import CALLERS, USED_UP, World
from tests.support.house import House
from tests.support.stores import STORES
from tests.support.waiting import until
from torture.ask import Got
from waypost.web.document import unbuilt, vendor

LINES = [line for line in matrix.lines() if line.section != UNBUILT]
WRITES = ("INSERT", "UPDATE", "DELETE")
HIDDEN = [line for line in LINES if "404" in line.answers.values()]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"


@pytest.fixture(scope="module", params=STORES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with House(tmp_path_factory.mktemp("permissions"), deliver=False, on=request.param) as house:
        yield World(house)


def test_every_route_has_a_line_and_every_line_a_route(world: World) -> None:
    routes = {f"{method} {path}" for method, path in unbuilt.served(world.house.waypost.faces.http.routes)}
    assert {line.route for line in LINES} == routes
    assert all(line.answers.keys() == CALLERS.keys() for line in matrix.lines())


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text() == matrix.page()


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_route_answers_as_the_table_says(world: World, statements: list[str], line: Line) -> None:
    ids = _in_production(world) if line.is_in_production else {}
    for caller, wanted in line.answers.items():
        world.has_token(caller)
        statements.clear()
        got = world.send(line.route, caller, ids)
        if wanted not in {"yes", "own"}:
            assert (caller, str(got.status)) == (caller, wanted), got.body
            written = [each for each in statements if each.startswith(WRITES)]
            assert wanted not in {"401", "404"} or written == [], caller  # a 403 is in the audit trail
            continue
        assert (caller, got.status) == (caller, world.answer_of(line.route)), got.body
        assert wanted == "yes" or world.environment.encode() not in got.body
        if got.status < 300 and line.route in USED_UP:
            world.refresh()
            ids = _in_production(world) if line.is_in_production else {}


@pytest.mark.parametrize("line", HIDDEN, ids=str)
def test_what_is_hidden_answers_as_what_does_not_exist(world: World, statements: list[str], line: Line) -> None:
    real = world.ids | (_in_production(world) if line.is_in_production else {})
    name, value = _made_up(line)
    made_up = real | {name: value}
    callers = [caller for caller, wanted in line.answers.items() if wanted == "404"]
    for caller in {callers[0], callers[-1]}:

        def alike(caller: str = caller) -> bool:
            """Whether both took the same statements; who calls is looked up now and then, for either."""
            hidden, asked = _counted(statements, lambda: world.send(line.route, caller, real))
            absent, asked_too = _counted(statements, lambda: world.send(line.route, caller, made_up))
            assert (hidden.status, absent.status, hidden.headers.keys()) == (404, 404, absent.headers.keys())
            assert _without(hidden, real[name]) == _without(absent, value)
            return asked == asked_too

        until(alike, f"the same statements for {caller}")


def test_who_may_not_change_a_destination_makes_no_data_key_for_its_environment(
    tmp_path: Path, statements: list[str]
) -> None:
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", "/platform/v1/destinations/{}", {"verificationToken": "t0ken"}),
        ("PATCH", "/waypost/v1/destinations/{}", {"timeoutSeconds": 3}),
        ("POST", "/platform/v1/destinations/{}/changeWebhookSigningSecret", {}),
    ]
    with House(tmp_path, deliver=False) as house:
        made = house.destination()
    with House(tmp_path, deliver=False, keep=house.household) as house:  # it seals with a new key, once it must
        for caller, status in (("outsider", 404), ("viewer", 403), ("engineer", 200)):
            house.token(caller)
            statements.clear()
            for method, path, body in changes:
                assert house.call(method, path.format(made["id"]), body, by=caller).status == status
            assert any("INTO data_key" in each for each in statements) == (caller == "engineer")


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_documented_and_not_built_answers_as_the_table_says(world: World, caller: str) -> None:
    wanted = {line.path: line.answers[caller] for line in matrix.lines() if line.section == UNBUILT}
    names = {"user": "those of users", "source": "those of sources", "nobody": "those of nobody"}
    served = {
        (method, unbuilt.shape(path)) for method, path in unbuilt.served(world.house.waypost.faces.http.routes)
    }
    for operation in vendor.OPERATIONS:
        if operation.method and operation.path and (operation.method, unbuilt.shape(operation.path)) not in served:
            path = operation.path.replace("{", "").replace("}", "")
            got = world.send(f"{operation.method} {path}", caller)
            assert str(got.status) == wanted[names[operation.caller]], operation.name


def _in_production(world: World) -> dict[str, Any]:
    return {"destinationId": world.house.destination("Production", by="owner")["id"]}


def _made_up(line: Line) -> tuple[str, str]:
    """What the route is about, and an id of such that nobody has."""
    names = re.findall(r"\{(\w+)\}", line.path) or ["environmentId"]  # that one stands in the body
    name = names[-1]
    return name, "987654321" if name == "organizationId" else str(uuid.uuid4())


def _counted(statements: list[str], send: Callable[[], Got]) -> tuple[Got, list[str]]:
    statements.clear()
    got = send()
    return got, list(statements)


def _without(got: Got, value: Any) -> bytes:
    """The body without the id that was asked about, which `instance` has as the path has it."""
    return got.body.replace(f"/{value}".encode(), b"/-")
