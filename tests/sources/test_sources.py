"""The five documented operations, over HTTP."""

import json
from typing import Any

import pytest

from tests.sources.conftest import Served
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, NOBODYS, PRODUCTION, STAGING
from waypost.errors import NotFound
from waypost.ids import is_uuid
from waypost.sources import store

WHOLE = {
    "name": "Epic feed",
    "serviceRegion": "AWS_USA_EAST_1",
    "dataFormat": "HL7V2",
    "ehr": "Epic",
    "timeZone": "America/Chicago",
}
SETUP = {
    "step": "connection",
    "name": "Epic",
    "dataFormat": "JSON",
    "ehr": "Epic",
    "serviceRegion": "AWS_CAN_CENTRAL",
}


def test_a_source_is_answered_whole(sources: Served) -> None:
    answer = sources.create(WHOLE)
    assert answer.status == 201
    assert answer.json["meta"] == {"version": "1.0.0"}
    made = answer.payload["source"]
    assert is_uuid(made["id"])
    assert made == {
        "id": made["id"],
        "environment": {"id": DEVELOPMENT, "environmentFlag": "Development"},
        **WHOLE,
        "setupState": None,
    }
    assert sources.one("GET", made["id"]).payload == {"source": made}


def test_a_name_is_enough(sources: Served) -> None:
    assert sources.made().keys() == {"id", "name", "environment", "setupState"}


def test_null_on_create_is_as_if_left_out(sources: Served) -> None:
    nothing = dict.fromkeys(["serviceRegion", "dataFormat", "ehr", "timeZone", "setupState"])
    assert sources.made(**nothing).keys() == {"id", "name", "environment", "setupState"}


def test_a_list_is_of_one_environment(sources: Served) -> None:
    first, second = sources.made(name="first"), sources.made(name="second")
    sources.create({"name": "other"}, STAGING)
    found = sources.list().payload["sources"]
    assert sorted(found, key=lambda source: str(source["name"])) == [first, second]


def test_every_role_reads_sources(sources: Served) -> None:
    made = sources.made()
    for token in ("engineer", "support", "viewer"):
        assert sources.list(token=token).payload == {"sources": [made]}
        assert sources.one("GET", made["id"], token=token).payload == {"source": made}


@pytest.mark.parametrize("token", ["support", "viewer"])
async def test_only_an_engineer_changes_sources(sources: Served, token: str) -> None:
    made = sources.made()
    before = await sources.room.events()
    answers = [
        sources.create({"name": "n"}, token=token),
        sources.one("PATCH", made["id"], {"name": "n"}, token=token),
        sources.one("DELETE", made["id"], token=token),
    ]
    assert [answer.status for answer in answers] == [403, 403, 403]
    assert all("engineer" in answer.json["detail"] for answer in answers)
    assert sources.list().payload == {"sources": [made]}
    assert await sources.room.events() == before


@pytest.mark.parametrize("token", ["owner without a role", "engineer elsewhere"])
def test_without_a_role_there_is_no_such_source(sources: Served, token: str) -> None:
    made = sources.made()
    for method, body in (("GET", None), ("PATCH", {"name": "n"}), ("PATCH", {"nonsense": 1}), ("DELETE", None)):
        theirs = sources.one(method, made["id"], body, token=token)
        nobodys = sources.one(method, NOBODYS, body, token=token)
        assert theirs.status == nobodys.status == 404
        assert theirs.json["detail"] == nobodys.json["detail"]
    assert sources.list(token=token).status == 404
    assert sources.create({"name": "n"}, token=token).status == 404
    assert sources.one("GET", made["id"]).status == 200


@pytest.mark.parametrize("environment_id", [ELSEWHERE, NOBODYS, "no-uuid"])
def test_there_is_no_such_environment(sources: Served, environment_id: str) -> None:
    assert sources.list(environment_id).status == 404
    assert sources.create({"name": "n"}, environment_id).status == 404


def test_a_path_id_that_is_no_uuid_is_not_found(sources: Served) -> None:
    assert sources.one("GET", "no-uuid").status == 404
    assert sources.one("PATCH", "no-uuid", {}).status == 404
    assert sources.one("DELETE", "no-uuid").status == 404


def test_a_token_is_needed_and_a_sources_token_is_refused(sources: Served) -> None:
    assert sources.list(token="unknown").status == 401
    assert sources.list(token="source").status == 403


def test_only_supplied_fields_change(sources: Served) -> None:
    made = sources.made(**WHOLE)
    answer = sources.one("PATCH", made["id"], {"timeZone": "Europe/Berlin"})
    assert answer.status == 200
    assert answer.payload["source"] == {**made, "timeZone": "Europe/Berlin"}
    answer = sources.one("PATCH", made["id"], {"name": "Renamed"})
    expected = {**made, "timeZone": "Europe/Berlin", "name": "Renamed"}
    assert answer.payload["source"] == sources.one("GET", made["id"]).payload["source"] == expected


def test_null_takes_the_time_zone_away(sources: Served) -> None:
    made = sources.made(**WHOLE)
    left = sources.one("PATCH", made["id"], {"timeZone": None}).payload["source"]
    assert left == {name: value for name, value in made.items() if name != "timeZone"}


async def test_what_was_read_can_be_sent_back(sources: Served) -> None:
    for made in (sources.made(**WHOLE), sources.made(), sources.made(setupState=SETUP)):
        events, version = await sources.room.events(), await sources.room.version()
        assert sources.one("PATCH", made["id"], made).payload == {"source": made}
        assert sources.one("PATCH", made["id"], {}).payload == {"source": made}
        assert sources.one("PATCH", made["id"], {"ehr": made.get("ehr")}).status == 200
        assert (await sources.room.events(), await sources.room.version()) == (events, version)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", NOBODYS),
        ("environment", {"id": PRODUCTION, "environmentFlag": "Production"}),
        ("serviceRegion", "GCP_USA_CENTRAL_1"),
        ("dataFormat", "JSON"),
        ("ehr", "Cerner"),
        ("ehr", None),
    ],
)
def test_some_fields_cannot_change(sources: Served, field: str, value: Any) -> None:
    made = sources.made(**WHOLE)
    answer = sources.one("PATCH", made["id"], {"name": "Renamed", field: value})
    assert (answer.status, answer.faults) == (400, [(f"/{field}", "immutable")])
    assert sources.one("GET", made["id"]).payload == {"source": made}


def test_every_fault_of_a_change_comes_back_at_once(sources: Served) -> None:
    made = sources.made(**WHOLE)
    body: dict[str, Any] = {"name": None, "timeZone": "Mars", "ehr": "Cerner", "colour": 1, "setupState": {}}
    assert sorted(sources.one("PATCH", made["id"], body).faults) == [
        ("/colour", "unknown_field"),
        ("/ehr", "immutable"),
        ("/name", "wrong_type"),
        ("/setupState/step", "required"),
        ("/timeZone", "invalid_time_zone"),
    ]


def test_the_set_up_goes_from_step_to_step_until_null_finishes_it(sources: Served) -> None:
    made = sources.made(setupState=SETUP)
    assert made["setupState"] == SETUP
    later = {"step": "review", "ehr": None}
    assert sources.one("PATCH", made["id"], {"setupState": later}).payload["source"]["setupState"] == later
    finished = sources.one("PATCH", made["id"], {"setupState": None}).payload["source"]
    assert finished == {**made, "setupState": None}


def test_a_subscribed_source_cannot_go_back_to_being_set_up(sources: Served) -> None:
    made = sources.made()
    sources.subscribed[made["id"]] = ["a subscription"]
    answer = sources.one("PATCH", made["id"], {"setupState": SETUP})
    assert (answer.status, answer.json["type"]) == (409, "/problems/source_in_use")
    assert sources.one("PATCH", made["id"], {"name": "Renamed"}).status == 200
    del sources.subscribed[made["id"]]
    assert sources.one("PATCH", made["id"], {"setupState": SETUP}).status == 200


async def test_a_deleted_source_is_gone_but_its_row_stays(sources: Served) -> None:
    made = sources.made()
    answer = sources.one("DELETE", made["id"])
    assert answer.status == 200
    assert isinstance(answer.payload["message"], str)
    assert sources.list().payload == {"sources": []}
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert sources.one(method, made["id"], body).status == 404
    with pytest.raises(NotFound):
        await sources.room.db.read(lambda tx: store.get(tx, made["id"]))
    rows = await sources.room.db.read(lambda tx: tx.execute(store.source.select()).all())
    assert [(row.id, row.deleted_at is None) for row in rows] == [(made["id"], False)]


async def test_a_source_in_use_cannot_be_deleted(sources: Served) -> None:
    made = sources.made()
    events, version = await sources.room.events(), await sources.room.version()
    sources.subscribed[made["id"]] = ["one", "two"]
    answer = sources.one("DELETE", made["id"])
    assert (answer.status, answer.json["type"]) == (409, "/problems/source_in_use")
    assert "2 subscription" in answer.json["detail"]
    assert sources.one("GET", made["id"]).status == 200
    assert (await sources.room.events(), await sources.room.version()) == (events, version)
    del sources.subscribed[made["id"]]
    assert sources.one("DELETE", made["id"]).status == 200


async def test_each_change_is_audited_and_moves_the_version(sources: Served) -> None:
    version = await sources.room.version()
    made = sources.made()
    renamed = sources.one("PATCH", made["id"], {"name": "Renamed"}).payload["source"]
    sources.one("DELETE", made["id"])
    events = await sources.room.events()
    assert [event["type"] for event in events] == ["source-created", "source-updated", "source-deleted"]
    assert [json.loads(event["details"]) for event in events] == [
        {"id": made["id"], "after": made},
        {"id": made["id"], "before": made, "after": renamed},
        {"id": made["id"], "before": renamed},
    ]
    assert await sources.room.version() == version + 3


async def test_a_refused_source_leaves_nothing(sources: Served) -> None:
    version = await sources.room.version()
    assert sources.create({"name": ""}).status == 400
    assert sources.list().payload == {"sources": []}
    assert (await sources.room.events(), await sources.room.version()) == ([], version)
