"""The set-up of a destination in steps, and that nothing reaches an unfinished one."""

from typing import Any

import pytest

from tests.destinations.calls import AZURE, Made, get, ours, patch
from tests.support.house import House
from tests.support.serving import Answer

ONE = "https://one.example.com/in"
STEP = {"step": "configure", "destination": {"name": "Ward"}}


def put(house: House, made: Made, body: Any, **more: Any) -> Answer:
    return house.call("PUT", ours(made) + "/setup", body, **more)


def subscribe(house: House, made: Made) -> Answer:
    body = {"source": {"id": house.source()["id"]}, "destination": {"id": made["id"]}, "dataModel": "PatientAdmin"}
    return house.call("POST", f"/platform/v1/environments/{house.environments['Development']}/subscriptions", body)


@pytest.fixture
def unfinished(strict: House) -> Made:
    return strict.destination(setupState={"step": "type"})


def test_a_set_up_goes_in_steps_and_ends_with_null(strict: House, unfinished: Made) -> None:
    assert put(strict, unfinished, {"setupState": STEP}).payload["destination"] == unfinished | {
        "setupState": STEP
    }
    configured = put(strict, unfinished, {"setupState": {"step": "verify"}, "endpoint": ONE})
    assert configured.payload["destination"]["endpoint"] == ONE
    finished = put(strict, unfinished, {"setupState": None})
    assert (finished.status, finished.payload["destination"]) == (
        200,
        unfinished | {"endpoint": ONE, "setupState": None},
    )
    assert get(strict, unfinished) == finished.payload["destination"]


def test_a_step_may_be_repeated_and_gone_back_to(strict: House, unfinished: Made) -> None:
    for state in (STEP, {"step": "type"}, STEP):
        assert put(strict, unfinished, {"setupState": state}).payload["destination"]["setupState"] == state


def test_the_kind_may_change_while_it_is_unfinished(strict: House, unfinished: Made) -> None:
    put(strict, unfinished, {"setupState": STEP, "endpoint": ONE})
    to_cloud = {"setupState": STEP, "endpoint": None, "cloudProviderSettings": AZURE}
    made = put(strict, unfinished, to_cloud).payload["destination"]
    assert (made["cloudProviderSettings"], "endpoint" in made) == (AZURE, False)
    back = {"setupState": None, "endpoint": ONE, "cloudProviderSettings": None}
    made = put(strict, unfinished, back).payload["destination"]
    assert (made["endpoint"], "cloudProviderSettings" in made) == (ONE, False)


def test_it_cannot_become_both_kinds(strict: House, unfinished: Made) -> None:
    put(strict, unfinished, {"setupState": STEP, "endpoint": ONE})
    answer = put(strict, unfinished, {"setupState": STEP, "cloudProviderSettings": AZURE})
    assert (answer.status, answer.faults) == (400, [("/cloudProviderSettings", "one_kind")])


def test_a_step_is_audited(strict: House, unfinished: Made) -> None:
    put(strict, unfinished, {"setupState": STEP, "endpoint": ONE + "?key=hidden"})
    event = strict.events(unfinished["id"])[-1]
    assert (event["type"], event["details"]) == (
        "destination-updated",
        {
            "id": unfinished["id"],
            "before": {"endpoint": None, "setupState": {"step": "type"}},
            "after": {"endpoint": ONE + "?…", "setupState": STEP},
        },
    )


def test_an_unfinished_destination_cannot_be_subscribed(strict: House, unfinished: Made) -> None:
    assert (subscribe(strict, unfinished).status, subscribe(strict, unfinished).json["type"]) == (
        409,
        "/problems/not_configured",
    )
    assert put(strict, unfinished, {"setupState": None, "endpoint": ONE}).status == 200
    assert subscribe(strict, unfinished).status == 201


@pytest.mark.parametrize("body", [{"setupState": STEP}, {"setupState": None, "endpoint": ONE}])
def test_a_finished_destination_is_not_set_up_again(strict: House, body: dict[str, Any]) -> None:
    made = strict.destination(endpoint=ONE)
    answer = put(strict, made, body)
    assert (answer.status, answer.json["type"]) == (409, "/problems/setup_finished")
    assert get(strict, made) == made


def test_finishing_twice_is_no_fault(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    answer = put(strict, made, {"setupState": None})
    assert (answer.status, answer.payload["destination"]) == (200, made)
    assert len(strict.events(made["id"])) == 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/setupState", "required"),
        ({"setupState": "x"}, "/setupState", "wrong_type"),
        ({"setupState": {"step": 1}}, "/setupState/step", "wrong_type"),
        ({"setupState": {"step": "x", "destination": {"a": 1}}}, "/setupState/destination/a", "unknown_field"),
        ({"setupState": None, "endpoint": "http://10.0.0.1/"}, "/endpoint", "address_not_allowed"),
        ({"setupState": None, "endpoint": "x"}, "/endpoint", "invalid_url"),
        ({"setupState": None, "cloudProviderSettings": {}}, "/cloudProviderSettings/typeId", "required"),
        ({"setupState": None, "name": "Ward"}, "/name", "unknown_field"),
    ],
)  # fmt: skip
def test_a_set_up_that_is_wrong_is_refused(
    strict: House, unfinished: Made, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = put(strict, unfinished, body)
    assert (answer.status, answer.faults[0]) == (400, (pointer, code))
    assert get(strict, unfinished) == unfinished


def test_an_update_leaves_the_set_up_where_it_is(strict: House, unfinished: Made) -> None:
    answer = patch(strict, unfinished, {"name": "Laboratory", "endpoint": ONE})
    assert answer.payload["destination"]["setupState"] == {"step": "type"}
    assert patch(strict, unfinished, {"setupState": None}).faults == [("/setupState", "immutable")]
