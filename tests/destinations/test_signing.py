"""Update webhook signing secret over HTTP: its shape, who may, and that the secret is told once."""

import base64

import pytest

from tests.destinations.calls import AZURE, get, path, settings
from tests.support.house import House
from waypost.folder import DATABASE


def at(made: dict[str, str] | str) -> str:
    return path(made) + "/changeWebhookSigningSecret"


@pytest.mark.parametrize("body", [None, {}])
def test_it_answers_the_new_secret_and_nothing_else(strict: House, body: object) -> None:
    made = strict.destination()
    answer = strict.call("POST", at(made), body)
    assert answer.status == 200
    assert answer.json == {"meta": {"version": "1.0.0"}, "payload": {"secret": answer.payload["secret"]}}
    key = answer.payload["secret"]
    assert key.startswith("whsec_")
    assert len(base64.b64decode(key.removeprefix("whsec_"), validate=True)) == 32
    assert strict.call("POST", at(made), body).payload["secret"] != key


def test_the_secret_is_told_once_and_is_nowhere_in_the_clear(strict: House) -> None:
    made = strict.destination()
    key = strict.call("POST", at(made)).payload["secret"]
    raw = base64.b64decode(key.removeprefix("whsec_"))
    trail = f"/platform/v1/organizations/{strict.household.clinic.id}/audit-events"
    for shown in (get(strict, made), settings(strict, made), strict.call("GET", trail, by="owner").json):
        assert key not in str(shown)
    for file in strict.folder.glob(f"{DATABASE}*"):
        assert key.encode() not in file.read_bytes()
        assert raw not in file.read_bytes()


def test_the_audit_trail_says_that_it_changed(strict: House) -> None:
    made = strict.destination()
    strict.call("POST", at(made))
    [_, event] = strict.events(made["id"])
    assert event["type"] == "destination-signing-secret-changed"
    assert event["details"] == {"id": made["id"], "after": {"signingSecret": "changed"}}


def test_it_moves_the_version_of_the_destination(strict: House) -> None:
    made = strict.destination()
    before = strict.call("GET", path(made)).headers["etag"]
    strict.call("POST", at(made))
    assert strict.call("GET", path(made)).headers["etag"] != before


@pytest.mark.parametrize(
    ("who", "status"),
    [(None, 401), ("viewer", 403), ("support", 403), ("admin without a role", 404), ("outsider", 404)],
)
def test_it_is_an_engineers(strict: House, who: str | None, status: int) -> None:
    made = strict.destination()
    assert strict.call("POST", at(made), by=who).status == status
    assert [event["type"] for event in strict.events(made["id"])] == ["destination-created"]


def test_the_caller_cannot_choose_the_secret(strict: House) -> None:
    answer = strict.call("POST", at(strict.destination()), {"secret": "whsec_bWluZQ=="})
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "unknown_field")


def test_a_cloud_destination_has_none(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE)
    answer = strict.call("POST", at(made))
    assert (answer.status, answer.json["type"]) == (409, "/problems/cloud_destination")


def test_there_is_none_for_a_destination_that_is_not_there(strict: House) -> None:
    assert strict.call("POST", at("10000000-0000-4000-8000-000000000009")).status == 404
