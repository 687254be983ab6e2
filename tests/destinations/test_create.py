"""Create destination, and what Get destinations and Get destination then show."""

from typing import Any

import pytest

from tests.destinations.calls import AZURE, AZURE_SETTINGS, get, path
from tests.support.house import House
from tests.support.serving import Answer
from waypost.ids import is_uuid

ONE = "https://one.example.com/in?key=hidden"
NOBODYS = "7d7f5d4e-3c49-4b53-8d5c-2a1f6f1f0b11"


def collection(house: House, environment: str = "Development") -> str:
    return f"/platform/v1/environments/{house.environments[environment]}/destinations"


def create(house: House, body: Any, environment: str = "Development", **more: Any) -> Answer:
    return house.call("POST", collection(house, environment), body, **more)


def ref(house: House, environment: str = "Development") -> dict[str, str]:
    return {"id": house.environments[environment], "environmentFlag": environment}


def test_a_name_is_enough(strict: House) -> None:
    answer = create(strict, {"name": "Ward"})
    made = answer.payload["destination"]
    assert (answer.status, answer.json["meta"]) == (201, {"version": "1.0.0"})
    assert made == {"id": made["id"], "name": "Ward", "environment": ref(strict), "setupState": None}
    assert is_uuid(made["id"])
    assert get(strict, made) == made


def test_a_url_destination_has_no_cloud_settings_and_shows_no_token(strict: House) -> None:
    credential = strict.credential("Staging")
    body = {"name": "Ward", "endpoint": ONE, "authCredential": credential, "verificationToken": "t0ken"}
    made = create(strict, body, "Staging").payload["destination"]
    assert made == {
        "id": made["id"],
        "name": "Ward",
        "authCredential": credential,
        "endpoint": ONE,
        "environment": ref(strict, "Staging"),
        "setupState": None,
    }


def test_a_cloud_destination_has_no_endpoint(strict: House) -> None:
    made = create(strict, {"name": "Lake", "cloudProviderSettings": AZURE}).payload["destination"]
    assert made == {
        "id": made["id"], "name": "Lake", "environment": ref(strict), "cloudProviderSettings": AZURE,
        "setupState": None,
    }  # fmt: skip
    assert get(strict, made) == made


def test_the_answer_has_the_etag_that_a_get_has(strict: House) -> None:
    answer = create(strict, {"name": "Ward"})
    assert answer.headers["etag"] == strict.call("GET", path(answer.payload["destination"])).headers["etag"]


def test_a_whole_documented_object_may_be_sent(strict: House) -> None:
    body = {
        "id": "0b6f2c1e-5f0a-4f0e-9c39-4ce1f8b4e0a1",
        "name": "Ward",
        "authCredential": None,
        "endpoint": ONE,
        "environment": ref(strict),
        "cloudProviderSettings": None,
        "setupState": None,
        "verificationToken": None,
    }
    answer = create(strict, body)
    kept = {name: value for name, value in body.items() if value is not None} | {"setupState": None}
    assert (answer.status, answer.payload["destination"]) == (201, kept)


def test_a_given_id_is_kept_in_lower_case(strict: House) -> None:
    wanted = "C0FFEE00-5F0A-4F0E-9C39-4CE1F8B4E0A1"
    assert create(strict, {"id": wanted, "name": "Ward"}).payload["destination"]["id"] == wanted.lower()


def test_an_id_that_is_taken_is_a_conflict(strict: House) -> None:
    made, theirs = strict.destination(), strict.destination(by="outsider")
    for taken in (made["id"], made["id"].upper(), theirs["id"]):
        answer = create(strict, {"id": taken, "name": "Ward"})
        assert (answer.status, answer.json["type"]) == (409, "/problems/id_taken")


def test_the_id_of_a_deleted_destination_stays_taken(strict: House) -> None:
    made = strict.destination()
    assert strict.call("DELETE", path(made)).status == 200
    assert create(strict, {"id": made["id"], "name": "Ward"}).status == 409


def test_a_create_is_audited_without_secrets(strict: House) -> None:
    answer = create(strict, {"name": "Ward", "endpoint": ONE, "verificationToken": "zzz-secret"})
    made = answer.payload["destination"]
    (event,) = strict.events(made["id"])
    assert (event["type"], event["status"]) == ("destination-created", "successful")
    assert event["request_id"] == answer.headers["x-request-id"]
    assert event["details"] == {
        "id": made["id"],
        "after": made | {"endpoint": "https://one.example.com/in?…", "verificationToken": "changed"},
    }


def test_a_create_is_one_commit(strict: House) -> None:
    strict.destination()
    before = strict.commits
    create(strict, {"name": "Ward", "endpoint": ONE, "verificationToken": "t0ken"})
    assert strict.commits == before + 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/name", "required"),
        ({"name": None}, "/name", "wrong_type"),
        ({"name": " "}, "/name", "blank"),
        ({"name": "x" * 256}, "/name", "string_too_long"),
        ({"name": "W", "id": "x"}, "/id", "invalid_uuid"),
        ({"name": "W", "id": 1}, "/id", "wrong_type"),
        ({"name": "W", "authCredential": NOBODYS}, "/authCredential", "unknown_credential"),
        ({"name": "W", "endpoint": ""}, "/endpoint", "string_too_short"),
        ({"name": "W", "endpoint": "ward"}, "/endpoint", "invalid_url"),
        ({"name": "W", "verificationToken": "a\r\nb"}, "/verificationToken", "invalid_character"),
        ({"name": "W", "environment": "Development"}, "/environment", "wrong_type"),
        ({"name": "W", "setupState": {}}, "/setupState/step", "required"),
        ({"name": "W", "setupState": {"step": "x" * 65}}, "/setupState/step", "string_too_long"),
        ({"name": "W", "setupState": {"step": "x", "a": 1}}, "/setupState/a", "unknown_field"),
        ({"name": "W", "verificationStatus": "verified"}, "/verificationStatus", "unknown_field"),
        ({"name": "W", "endpoint": ONE, "cloudProviderSettings": AZURE}, "/endpoint", "one_kind"),
    ],
)
def test_a_field_that_is_wrong_is_refused(strict: House, body: dict[str, Any], pointer: str, code: str) -> None:
    answer = create(strict, body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])


def test_the_environment_in_the_body_must_be_that_of_the_path(strict: House) -> None:
    for other in (ref(strict, "Staging"), ref(strict) | {"environmentFlag": "Staging"}):
        answer = create(strict, {"name": "Ward", "environment": other})
        assert (answer.status, answer.faults) == (400, [("/environment", "environment_mismatch")])


def test_the_environments_id_may_be_in_capitals(strict: House) -> None:
    capitals = ref(strict) | {"id": strict.environments["Development"].upper()}
    assert create(strict, {"name": "Ward", "environment": capitals}).status == 201


def test_plain_http_is_for_development_only(strict: House) -> None:
    body = {"name": "Ward", "endpoint": "http://one.example.com/"}
    answers = {name: create(strict, body, name) for name in strict.environments}
    assert {name: answer.status for name, answer in answers.items()} == {
        "Development": 201,
        "Staging": 400,
        "Production": 400,
    }
    assert answers["Production"].faults == [("/endpoint", "https_required")]


def test_every_fault_of_a_create_comes_back_at_once(strict: House) -> None:
    body = {
        "id": "x",
        "authCredential": NOBODYS,
        "endpoint": "http://10.0.0.1/",
        "environment": ref(strict),
        "colour": "red",
    }
    assert sorted(create(strict, body, "Production").faults) == [
        ("/authCredential", "unknown_credential"),
        ("/colour", "unknown_field"),
        ("/endpoint", "address_not_allowed"),
        ("/endpoint", "https_required"),
        ("/environment", "environment_mismatch"),
        ("/id", "invalid_uuid"),
        ("/name", "required"),
    ]


@pytest.mark.parametrize("container", ["abc", "a-b", "0inbox9", "a" * 63, "a1-b2-c3", "a" + "-b" * 31])
def test_a_container_name_follows_azures_rules(strict: House, container: str) -> None:
    cloud = AZURE | {"settings": AZURE_SETTINGS | {"containerName": container}}
    assert create(strict, {"name": "Lake", "cloudProviderSettings": cloud}).status == 201


@pytest.mark.parametrize(
    "container",
    ["", "ab", "a" * 64, "a" + "-b" * 32, "Inbox", "-abc", "abc-", "a--b", "a_b", "a.b", "inbox\n", "$root"],
)
def test_another_container_name_is_refused(strict: House, container: str) -> None:
    cloud = AZURE | {"settings": AZURE_SETTINGS | {"containerName": container}}
    answer = create(strict, {"name": "Lake", "cloudProviderSettings": cloud})
    assert answer.faults == [("/cloudProviderSettings/settings/containerName", "invalid_container_name")]


@pytest.mark.parametrize(
    "account",
    ["", "ab", "a" * 25, "Clinic", "clinic-data", "clinic.data", "clinic/", "clinic\n", "evil.com/#", "a@b"],
)
def test_an_account_that_is_no_host_name_is_refused(strict: House, account: str) -> None:
    cloud = AZURE | {"settings": AZURE_SETTINGS | {"storageAccountName": account}}
    answer = create(strict, {"name": "Lake", "cloudProviderSettings": cloud})
    assert answer.faults == [("/cloudProviderSettings/settings/storageAccountName", "invalid_account_name")]


@pytest.mark.parametrize("prefix", ["../x", "a/../b", "./a", "a\\b", "..", "a\nb", "a\x00"])
def test_a_prefix_stays_inside_its_container(strict: House, prefix: str) -> None:
    cloud = AZURE | {"settings": AZURE_SETTINGS | {"fileNamePrefix": prefix}}
    ((pointer, _),) = create(strict, {"name": "Lake", "cloudProviderSettings": cloud}).faults
    assert pointer == "/cloudProviderSettings/settings/fileNamePrefix"


@pytest.mark.parametrize(
    ("cloud", "pointer", "code"),
    [
        ({}, "/typeId", "required"),
        (AZURE | {"typeId": "oracle"}, "/typeId", "literal_error"),
        (AZURE | {"productId": "fabric"}, "/productId", "literal_error"),
        (AZURE | {"settings": None}, "/settings", "wrong_type"),
        (AZURE | {"settings": AZURE_SETTINGS | {"region": "eu"}}, "/settings/region", "unknown_field"),
        (AZURE | {"region": "eu"}, "/region", "unknown_field"),
    ],
)
def test_cloud_settings_that_are_wrong_are_refused(
    strict: House, cloud: dict[str, Any], pointer: str, code: str
) -> None:
    answer = create(strict, {"name": "Lake", "cloudProviderSettings": cloud})
    assert (answer.status, answer.faults[0]) == (400, ("/cloudProviderSettings" + pointer, code))


def test_a_set_up_state_is_kept_as_it_was_sent(strict: House) -> None:
    state = {
        "step": "configure",
        "destination": {"name": None, "cloudProviderSettings": {"typeId": "later"}, "environment": ref(strict)},
    }
    made = create(strict, {"name": "Ward", "setupState": state}).payload["destination"]
    assert made["setupState"] == state
    assert get(strict, made)["setupState"] == state


def test_a_list_has_every_destination_of_its_environment_oldest_first(strict: House) -> None:
    made = [strict.destination("Staging", name=name) for name in ("Zebra", "Ape", "Mouse")]
    strict.destination("Production")
    answer = strict.call("GET", collection(strict, "Staging"))
    assert (answer.status, answer.json["meta"]) == (200, {"version": "1.0.0"})
    assert answer.payload["destinations"][-3:] == made
    assert {found["environment"]["environmentFlag"] for found in answer.payload["destinations"]} == {"Staging"}


def test_a_deleted_destination_is_not_listed(strict: House) -> None:
    made = strict.destination()
    assert strict.call("DELETE", path(made)).status == 200
    listed = strict.call("GET", collection(strict)).payload["destinations"]
    assert made["id"] not in [found["id"] for found in listed]


def test_what_is_no_uuid_is_simply_not_found(strict: House) -> None:
    for odd in ("1", "x" * 300, "%00", "..", "null", "%F0%9F%8F%A5", "%ff"):
        assert strict.call("GET", path(odd)).status == 404, odd
