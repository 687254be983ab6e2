"""`POST /endpoint` over real HTTP: its answers, and refusals in the vendor's shape whatever went wrong."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.messages.conftest import a_message
from tests.support.house import House
from tests.support.serving import Answer
from waypost.ids import new_id


def post(house: House, body: Any, *, by: str | None = "source", **headers: str) -> Answer:
    return house.call("POST", "/endpoint", body, by=by, headers=headers)


def refused(answer: Answer, status: int, module: str) -> str:
    """The words of a refusal, which has the vendor's shape and nothing else."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    [error] = answer.json.pop("Meta").pop("Errors")
    assert sorted(error) == ["ID", "Module", "Text", "Type"]
    assert (error["ID"], error["Type"], error["Module"]) == (status, "message", module)
    return str(error["Text"])


def stored(house: House) -> int:
    return int(house.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM log").scalar()) or 0)


@pytest.fixture
def route(house: House) -> dict[str, Any]:
    """A subscription of the Development environment."""
    return house.subscription(house.source(), house.destination())


@pytest.fixture
def message(route: dict[str, Any]) -> bytes:
    return a_message(route["destination"]["id"], source_id=route["source"]["id"])


def test_an_accepted_message_answers_200_with_meta(house: House, route: dict[str, Any], message: bytes) -> None:
    answer = post(house, message)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert list(answer.json) == ["Meta"]
    meta = answer.json["Meta"]
    assert (meta["DataModel"], meta["EventType"]) == ("PatientAdmin", "NewPatient")
    assert meta["Source"] == {"ID": route["source"]["id"], "Name": "Feed"}
    assert meta["Destinations"] == [{"ID": route["destination"]["id"], "Name": "Ward"}]
    log_id = meta["Logs"][0]["ID"]
    found = house.call("GET", f"/platform/v1/organizations/{house.household.clinic.id}/logs/{log_id}")
    assert found.payload["result"]["status"] == "pending"


def test_every_answer_has_a_request_id(house: House, message: bytes) -> None:
    assert post(house, message).headers["x-request-id"]
    assert post(house, b"{}").headers["x-request-id"]


def test_a_destination_without_a_subscription_refuses_the_message(
    house: House, route: dict[str, Any], message: bytes
) -> None:
    before = stored(house)
    body = a_message(route["destination"]["id"], new_id(), source_id=route["source"]["id"])
    text = refused(post(house, body), 400, "Subscriptions")
    assert text.startswith("No subscriptions. Meta.Destinations needs to contain a destination from existing")
    assert stored(house) == before


def test_a_destination_of_another_environment_cannot_be_reached(house: House, route: dict[str, Any]) -> None:
    far = house.subscription(house.source("Production"), house.destination("Production"), "Production")
    body = a_message(far["destination"]["id"], source_id=route["source"]["id"])
    refused(post(house, body), 400, "Subscriptions")


def test_a_source_of_another_environment_cannot_be_named(house: House, route: dict[str, Any]) -> None:
    far = house.source("Production")
    body = a_message(route["destination"]["id"], source_id=far["id"])
    refused(post(house, body), 400, "Sources")


def test_a_query_is_refused_in_words(house: House, route: dict[str, Any]) -> None:
    body = a_message(route["destination"]["id"], source_id=route["source"]["id"], EventType="PatientQuery")
    assert "asks for an answer" in refused(post(house, body), 400, "Queries")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"Meta":{}}', b"\xff"])
def test_what_is_no_message_is_refused(house: House, body: bytes) -> None:
    refused(post(house, body), 400, "Validation")


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c"])
def test_without_a_good_token_nobody_sends(house: House, message: bytes, token: str | None) -> None:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    answer = post(house, message, by=None, **headers)
    refused(answer, 401, "Authentication")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_users_token_is_forbidden(house: House, message: bytes) -> None:
    text = refused(post(house, message, by="engineer"), 403, "Authentication")
    assert "user's token" in text


def test_a_forbidden_users_token_is_audited(house: House, message: bytes) -> None:
    before = len(house.events())
    post(house, message, by="viewer")
    [event] = house.events()[before:]
    assert (event["type"], event["status"]) == ("request-refused", "refused")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-ndjson", "application/xml", ""])
def test_another_media_type_is_refused(house: House, message: bytes, media_type: str) -> None:
    refused(post(house, message, **{"content-type": media_type}), 415, "Endpoint")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_in_other_ways(house: House, message: bytes, media_type: str) -> None:
    assert post(house, message, **{"content-type": media_type}).status == 200


def test_ten_megabytes_are_taken(house: House, message: bytes) -> None:
    largest = message[:-1] + b',"x":"' + b"x" * (10_000_000 - len(message) - 7) + b'"}'
    assert len(largest) == 10_000_000
    assert post(house, largest).status == 200


def test_one_byte_more_is_too_much(house: House, message: bytes) -> None:
    larger = message[:-1] + b',"x":"' + b"x" * (10_000_001 - len(message) - 7) + b'"}'
    assert "10 MB" in refused(post(house, larger), 413, "Endpoint")


def test_a_body_that_does_not_say_its_length_is_bounded_too(house: House) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    headers = {"authorization": f"Bearer {house.token('source')}", "content-type": "application/json"}
    try:
        connection.request(
            "POST", "/endpoint", (b"x" * 1_000_000 for _ in range(11)), headers, encode_chunked=True
        )
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["Meta"]["Errors"][0]["Module"] == "Endpoint"
    finally:
        connection.close()


def test_the_same_key_gives_the_same_answer(house: House, message: bytes) -> None:
    first = post(house, message, **{"idempotency-key": "a key"})
    before = stored(house)
    again = post(house, message, **{"idempotency-key": "a key"})
    assert (again.status, again.json, stored(house)) == (200, first.json, before)


def test_a_key_for_another_message_is_a_conflict(house: House, message: bytes) -> None:
    post(house, message, **{"idempotency-key": "another key"})
    refused(post(house, message + b"\n", **{"idempotency-key": "another key"}), 409, "Endpoint")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_is_neither_empty_nor_endless(house: House, message: bytes, key: str) -> None:
    assert "Idempotency-Key" in refused(post(house, message, **{"idempotency-key": key}), 400, "Validation")


def test_a_subscription_answered_201_routes_at_once_and_a_deleted_one_no_longer(house: House) -> None:
    source, destination = house.source(), house.destination()
    body = a_message(destination["id"], source_id=source["id"])
    refused(post(house, body), 400, "Subscriptions")
    made = house.subscription(source, destination)
    assert post(house, body).status == 200
    gone = house.call("DELETE", f"/waypost/v1/subscriptions/{made['id']}", {"reason": "the test is over"})
    assert gone.status == 200
    refused(post(house, body), 400, "Subscriptions")


def test_a_deleted_destination_is_no_longer_reached(house: House, route: dict[str, Any], message: bytes) -> None:
    assert house.call("DELETE", f"/platform/v1/destinations/{route['destination']['id']}").status == 200
    refused(post(house, message), 400, "Subscriptions")


def test_many_senders_at_a_time_are_all_answered(house: House, message: bytes) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(house, message), range(64)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["Meta"]["Logs"][0]["ID"] for answer in answers}) == 64


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_taken(house: House, method: str) -> None:
    answer = house.call(method, "/endpoint", by="source")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
