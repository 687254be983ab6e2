"""Create subscription: which two may be joined, for which data model."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.subscriptions.conftest import Served, a_body
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, NOBODYS, STAGING
from waypost.ids import is_uuid
from waypost.sources import store as sources
from waypost.subscriptions import store


async def test_a_subscription_is_answered_with_its_id(served: Served) -> None:
    source_id, destination_id = await served.source(), await served.destination()
    answer = served.create(a_body(source_id, destination_id))
    assert answer.status == 201
    assert answer.json["meta"] == {"version": "1.0.0"}
    made = answer.payload["subscription"]
    assert is_uuid(made["id"])
    assert made == {
        "id": made["id"],
        "source": {"id": source_id, "environmentFlag": "Development"},
        "destination": {"id": destination_id, "environmentFlag": "Development"},
        "dataModel": "PatientAdmin",
        "deletedAt": None,
    }


async def test_the_queue_is_opened_in_the_same_transaction(served: Served) -> None:
    made = await served.made()
    assert [opened.id for opened in served.engine.opened] == [made["id"]]
    served.engine.broken = True
    body = a_body(await served.source(), await served.destination())
    version = await served.room.version()
    assert served.create(body).status == 500
    assert served.list().payload["subscriptions"] == [made]
    assert len(await served.room.events()) == 1
    assert await served.room.version() == version


async def test_it_is_audited_and_moves_the_version(served: Served) -> None:
    version = await served.room.version()
    made = await served.made()
    events = await served.room.events()
    assert [event["type"] for event in events] == ["subscription-created"]
    assert json.loads(events[0]["details"])["after"] == {**made, "childQueues": None, "park": None}
    assert await served.room.version() == version + 1


async def test_it_routes_from_then_on(served: Served) -> None:
    made = await served.made("Clinical Summary")
    routes = await served.room.db.read(lambda tx: store.routes(tx, DEVELOPMENT))
    assert [(route.id, route.source_id, route.destination_id, route.key) for route in routes] == [
        (made["id"], made["source"]["id"], made["destination"]["id"], "clinicalsummary")
    ]
    assert await served.room.db.read(lambda tx: store.of_source(tx, made["source"]["id"])) == routes
    assert await served.room.db.read(lambda tx: store.of_destination(tx, made["destination"]["id"])) == routes
    assert await served.room.db.read(lambda tx: store.routes(tx, STAGING)) == []


@pytest.mark.parametrize("again", ["PatientAdmin", "patientadmin", "Patient Admin", "PATIENT ADMIN"])
async def test_two_are_joined_once_for_a_data_model_however_it_is_spelt(served: Served, again: str) -> None:
    source_id, destination_id = await served.source(), await served.destination()
    assert served.create(a_body(source_id, destination_id)).status == 201
    answer = served.create(a_body(source_id, destination_id, again))
    assert (answer.status, answer.json["type"]) == (409, "/problems/already_subscribed")
    assert len(served.list().payload["subscriptions"]) == 1


async def test_another_model_source_or_destination_is_another_subscription(served: Served) -> None:
    source_id, destination_id = await served.source(), await served.destination()
    for body in (
        a_body(source_id, destination_id),
        a_body(source_id, destination_id, "Results"),
        a_body(await served.source(), destination_id),
        a_body(source_id, await served.destination()),
    ):
        assert served.create(body).status == 201


async def test_a_deleted_one_may_be_made_again(served: Served) -> None:
    made = await served.made()
    served.one("DELETE", made["id"])
    answer = served.create(a_body(made["source"]["id"], made["destination"]["id"]))
    assert answer.status == 201
    assert answer.payload["subscription"]["id"] != made["id"]


@pytest.mark.parametrize("token", ["support", "viewer"])
async def test_only_an_engineer_subscribes(served: Served, token: str) -> None:
    answer = served.create(a_body(await served.source(), await served.destination()), token=token)
    assert answer.status == 403
    assert "engineer" in answer.json["detail"]
    assert served.list().payload["subscriptions"] == []


@pytest.mark.parametrize("token", ["owner without a role", "engineer elsewhere"])
async def test_without_a_role_there_is_no_such_environment(served: Served, token: str) -> None:
    body = a_body(await served.source(), await served.destination())
    assert served.create(body, token=token).status == 404
    assert served.create({"nonsense": 1}, token=token).status == 404


@pytest.mark.parametrize("environment_id", [ELSEWHERE, NOBODYS, "no-uuid"])
async def test_there_is_no_such_environment(served: Served, environment_id: str) -> None:
    assert served.create(a_body(await served.source(), await served.destination()), environment_id).status == 404


def test_a_users_token_is_needed(served: Served) -> None:
    assert served.create({}, token="unknown").status == 401
    assert served.create({}, token="source").status == 403


@pytest.mark.parametrize("where", [STAGING, ELSEWHERE])
async def test_both_ends_must_be_of_this_environment(served: Served, where: str) -> None:
    ours = a_body(await served.source(), await served.destination())
    source = {"source": {"id": await served.source(environment_id=where)}}
    destination = {"destination": {"id": await served.destination(environment_id=where)}}
    assert served.create({**ours, **source}).faults == [("/source/id", "not_found")]
    assert served.create({**ours, **destination}).faults == [("/destination/id", "not_found")]
    both = served.create({**ours, **source, **destination})
    assert (both.status, both.faults) == (400, [("/source/id", "not_found"), ("/destination/id", "not_found")])


async def test_an_end_elsewhere_looks_just_like_none(served: Served) -> None:
    destination_id = await served.destination()
    theirs = served.create(a_body(await served.source(environment_id=ELSEWHERE), destination_id))
    none = served.create(a_body(NOBODYS, destination_id))
    assert theirs.status == none.status == 400
    assert {**theirs.json, "instance": ""} == {**none.json, "instance": ""}


async def test_deleted_ends_are_not_found(served: Served) -> None:
    source_id, destination_id = await served.source(), await served.destination(deleted_at=5)
    await served.room.db.write(lambda tx: sources.delete(tx, source_id, 5))
    answer = served.create(a_body(source_id, destination_id))
    assert answer.faults == [("/source/id", "not_found"), ("/destination/id", "not_found")]


async def test_unfinished_ends_cannot_be_subscribed(served: Served) -> None:
    unfinished_source = await served.source(setup_state={"step": "one"})
    unfinished_destination = await served.destination(setup={"step": "one"})
    for body, noun in (
        (a_body(unfinished_source, await served.destination()), "source"),
        (a_body(await served.source(), unfinished_destination), "destination"),
    ):
        answer = served.create(body)
        assert (answer.status, answer.json["type"]) == (409, "/problems/not_configured")
        assert noun in answer.json["detail"]
    assert served.list().payload["subscriptions"] == []


@pytest.mark.parametrize("model", ["A", "PatientAdmin", "FHIR.Message.PatientAdmin", "X-1 b_2.c", "a" * 64])
async def test_a_data_model_is_a_short_plain_word(served: Served, model: str) -> None:
    assert (await served.made(model))["dataModel"] == model


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("", "string_too_short"),
        ("a" * 65, "string_too_long"),
        (" ", "invalid_data_model"),
        (" a", "invalid_data_model"),
        ("a ", "invalid_data_model"),
        ("..", "invalid_data_model"),
        ("a/b", "invalid_data_model"),
        ("a\n", "invalid_data_model"),
        ("a\x00b", "invalid_data_model"),
        ("Ünit", "invalid_data_model"),
        (None, "wrong_type"),
        (7, "wrong_type"),
    ],
)
async def test_no_other_data_model_is_taken(served: Served, model: Any, code: str) -> None:
    answer = served.create({**a_body(await served.source(), await served.destination()), "dataModel": model})
    assert (answer.status, answer.faults) == (400, [("/dataModel", code)])


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"source": {"id": "no-uuid"}}, [("/source/id", "invalid_uuid")]),
        ({"destination": {"id": 5}}, [("/destination/id", "wrong_type")]),
        ({"source": {}}, [("/source/id", "required")]),
        ({"source": None, "destination": []}, [("/source", "wrong_type"), ("/destination", "wrong_type")]),
        ({"source": {"id": NOBODYS, "environmentFlag": "x"}}, [("/source/environmentFlag", "unknown_field")]),
        ({"id": NOBODYS, "childQueues": None}, [("/id", "unknown_field"), ("/childQueues", "unknown_field")]),
    ],
)
def test_a_body_has_the_documented_fields_alone(
    served: Served, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    answer = served.create({**a_body(NOBODYS, NOBODYS), **change})
    assert (answer.status, answer.faults) == (400, faults)


def test_everything_that_is_missing_is_named(served: Served) -> None:
    assert served.create({}).faults == [
        ("/source", "required"),
        ("/destination", "required"),
        ("/dataModel", "required"),
    ]
    assert served.create([]).faults == [("", "wrong_type")]


async def test_the_store_itself_refuses_a_second_live_one(served: Served) -> None:
    made = await served.made()
    one = await served.room.db.read(lambda tx: store.get(tx, made["id"]))
    with pytest.raises(sa.exc.IntegrityError):
        await served.room.db.write(lambda tx: store.insert(tx, replace(one, id=NOBODYS), 1))
