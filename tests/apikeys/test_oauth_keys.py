"""The five documented operations, over HTTP."""

import json
from typing import Any

import pytest

from tests.apikeys.conftest import Keys, public
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, NOBODYS, PRODUCTION, STAGING
from waypost.apikeys import store
from waypost.ids import is_uuid

URL = "https://keys.example.com/jwks.json"


def test_a_key_with_a_set_is_answered_whole(keys: Keys) -> None:
    jwk_set = {"keys": [public(use="sig", alg="ES384", note=["any", "member"])]}
    answer = keys.create({"name": "Lab feed", "jwkSet": jwk_set})
    assert answer.status == 201
    assert answer.json["meta"] == {"version": "1.0.0"}
    made = answer.payload["apikey"]
    assert is_uuid(made["id"])
    assert made == {
        "name": "Lab feed",
        "jwkSet": jwk_set,
        "id": made["id"],
        "environment": {"id": DEVELOPMENT, "environmentFlag": "Development"},
    }
    assert keys.one("GET", made["id"]).payload["apikey"] == made


def test_a_key_may_be_made_without_any_public_key(keys: Keys) -> None:
    made = keys.made()
    assert made.keys() == {"name", "id", "environment"}


def test_url_and_set_may_both_be_given(keys: Keys) -> None:
    made = keys.made(jwksURL=URL, jwkSet={"keys": [public()]})
    assert made["jwksURL"] == URL
    assert len(made["jwkSet"]["keys"]) == 1


def test_an_empty_set_may_stand(keys: Keys) -> None:
    assert keys.made(jwkSet={"keys": []})["jwkSet"] == {"keys": []}


def test_a_list_is_of_one_environment_and_oldest_first(keys: Keys) -> None:
    first, second = keys.made(name="first"), keys.made(name="second")
    keys.create({"name": "other"}, STAGING)
    answer = keys.list()
    assert answer.status == 200
    assert sorted(answer.payload["apikeys"], key=lambda key: str(key["name"])) == [first, second]


def test_every_role_reads_keys(keys: Keys) -> None:
    made = keys.made()
    for token in ("engineer", "support", "viewer"):
        assert keys.list(token=token).payload == {"apikeys": [made]}
        assert keys.one("GET", made["id"], token=token).payload == {"apikey": made}


@pytest.mark.parametrize("token", ["support", "viewer"])
async def test_only_an_engineer_changes_keys(keys: Keys, token: str) -> None:
    made = keys.made()
    before = await keys.room.events()
    answers = [
        keys.create({"name": "n"}, token=token),
        keys.one("PATCH", made["id"], {"name": "n"}, token=token),
        keys.one("DELETE", made["id"], token=token),
    ]
    assert [answer.status for answer in answers] == [403, 403, 403]
    assert all("engineer" in answer.json["detail"] for answer in answers)
    assert keys.list().payload["apikeys"] == [made]
    assert await keys.room.events() == before


@pytest.mark.parametrize("token", ["owner without a role", "engineer elsewhere"])
def test_without_a_role_there_is_no_such_key(keys: Keys, token: str) -> None:
    made = keys.made()
    for method, body in (("GET", None), ("PATCH", {"name": "n"}), ("PATCH", {"nonsense": 1}), ("DELETE", None)):
        theirs = keys.one(method, made["id"], body, token=token)
        nobodys = keys.one(method, NOBODYS, body, token=token)
        assert theirs.status == nobodys.status == 404
        assert theirs.json["detail"] == nobodys.json["detail"]
    assert keys.list(token=token).status == 404
    assert keys.create({"name": "n"}, token=token).status == 404
    assert keys.one("GET", made["id"]).status == 200


@pytest.mark.parametrize("environment_id", [ELSEWHERE, NOBODYS, "no-uuid"])
def test_there_is_no_such_environment(keys: Keys, environment_id: str) -> None:
    assert keys.list(environment_id).status == 404
    assert keys.create({"name": "n"}, environment_id).status == 404


def test_a_path_id_that_is_no_uuid_is_not_found(keys: Keys) -> None:
    assert keys.one("GET", "no-uuid").status == 404
    assert keys.one("PATCH", "no-uuid", {}).status == 404
    assert keys.one("DELETE", "no-uuid").status == 404


def test_a_token_is_needed_and_a_sources_token_is_refused(keys: Keys) -> None:
    made = keys.made()
    assert keys.list(token="unknown").status == 401
    assert keys.one("GET", made["id"], token="unknown").status == 401
    assert keys.create({"name": "n"}, token="source").status == 403


def test_only_supplied_fields_change(keys: Keys) -> None:
    made = keys.made(jwksURL=URL, jwkSet={"keys": [public()]})
    answer = keys.one("PATCH", made["id"], {"name": "Renamed"})
    assert answer.status == 200
    assert answer.payload["apikey"] == {**made, "name": "Renamed"}
    assert keys.one("GET", made["id"]).payload["apikey"] == {**made, "name": "Renamed"}


def test_a_set_is_replaced_whole(keys: Keys) -> None:
    made = keys.made(jwkSet={"keys": [public("old")]})
    new = {"keys": [public("new")]}
    assert keys.one("PATCH", made["id"], {"jwkSet": new}).payload["apikey"]["jwkSet"] == new


def test_null_takes_url_and_set_away(keys: Keys) -> None:
    made = keys.made(jwksURL=URL, jwkSet={"keys": [public()]})
    left = keys.one("PATCH", made["id"], {"jwksURL": None}).payload["apikey"]
    assert left.keys() == {"name", "jwkSet", "id", "environment"}
    left = keys.one("PATCH", made["id"], {"jwkSet": None}).payload["apikey"]
    assert left.keys() == {"name", "id", "environment"}


async def test_what_was_read_can_be_sent_back(keys: Keys) -> None:
    made = keys.made(jwksURL=URL, jwkSet={"keys": [public()]})
    events, version, told = await keys.room.events(), await keys.room.version(), len(keys.told)
    answer = keys.one("PATCH", made["id"], made)
    assert (answer.status, answer.payload["apikey"]) == (200, made)
    assert keys.one("PATCH", made["id"], {}).payload["apikey"] == made
    assert (await keys.room.events(), await keys.room.version(), len(keys.told)) == (events, version, told)


def test_what_cannot_change_is_said_together_with_all_else(keys: Keys) -> None:
    made = keys.made()
    body = {
        "id": NOBODYS,
        "environment": {"id": PRODUCTION},
        "name": None,
        "colour": "red",
        "jwksURL": "http://a.example",
    }
    answer = keys.one("PATCH", made["id"], body)
    assert answer.status == 400
    assert sorted(answer.faults) == [
        ("/colour", "unknown_field"),
        ("/environment", "immutable"),
        ("/id", "immutable"),
        ("/name", "wrong_type"),
    ]
    assert keys.one("GET", made["id"]).payload["apikey"] == made


async def test_a_deleted_key_is_gone_but_its_row_stays(keys: Keys) -> None:
    made = keys.made()
    answer = keys.one("DELETE", made["id"])
    assert answer.status == 200
    assert isinstance(answer.payload["message"], str)
    assert keys.list().payload == {"apikeys": []}
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert keys.one(method, made["id"], body).status == 404
    assert await keys.room.db.read(lambda tx: store.get(tx, made["id"])) is None
    rows = await keys.room.db.read(lambda tx: tx.execute(store.api_key.select()).all())
    assert [(row.id, row.deleted_at is None) for row in rows] == [(made["id"], False)]


async def test_each_change_is_audited_moves_the_version_and_is_told(keys: Keys) -> None:
    version = await keys.room.version()
    made = keys.made(jwksURL=URL + "?token=hidden")
    keys.one("PATCH", made["id"], {"name": "Renamed"})
    keys.one("DELETE", made["id"])
    events = await keys.room.events()
    assert [event["type"] for event in events] == ["oauth-key-created", "oauth-key-updated", "oauth-key-deleted"]
    assert {event["environment_id"] for event in events} == {DEVELOPMENT}
    assert {event["user_id"] for event in events} == {1}
    details = [json.loads(event["details"]) for event in events]
    assert {detail["id"] for detail in details} == {made["id"]}
    assert (details[1]["before"]["name"], details[1]["after"]["name"]) == ("Lab feed", "Renamed")
    assert "hidden" not in str(events)
    assert await keys.room.version() == version + 3
    assert keys.told == ["changed"] * 3


async def test_audit_tells_one_key_from_another_with_the_same_kid(keys: Keys) -> None:
    made = keys.made(jwkSet={"keys": [public("k")]})
    keys.one("PATCH", made["id"], {"jwkSet": {"keys": [public("k")]}})
    detail: dict[str, Any] = json.loads((await keys.room.events())[-1]["details"])
    before, after = detail["before"]["jwkSet"], detail["after"]["jwkSet"]
    assert before.keys() == after.keys() == {"k"}
    assert before != after


async def test_a_refused_change_changes_nothing(keys: Keys) -> None:
    version = await keys.room.version()
    assert keys.create({"name": ""}).status == 400
    assert keys.list().payload == {"apikeys": []}
    assert (await keys.room.events(), await keys.room.version(), keys.told) == ([], version, [])
