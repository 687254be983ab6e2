"""Delete destination: who may, what must be empty, and what is left."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.destinations.calls import patch, path
from tests.support.house import House
from tests.support.receiver import Receiver, answer
from tests.support.serving import Answer

ONE = "https://one.example.com/in?key=hidden"


def delete(house: House, made: dict[str, Any] | str, reason: str | None = None, **more: Any) -> Answer:
    query = "" if reason is None else f"?reason={quote(reason)}"
    return house.call("DELETE", path(made) + query, **more)


@pytest.fixture
def busy(house: House, receiver: Receiver) -> dict[str, Any]:
    """A destination that refuses its first message, with two pending."""
    receiver.behave(answer(503))
    source, made = house.source(), house.destination(endpoint=receiver.url)
    house.subscription(source, made)
    for _ in range(2):
        house.message(source, made)
    receiver.wait(1)
    return made


def test_a_deleted_destination_is_gone(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    answer = delete(strict, made)
    assert (answer.status, list(answer.payload)) == (200, ["message"])
    assert strict.call("GET", path(made)).status == 404
    assert patch(strict, made, {"name": "Laboratory"}).status == 404
    assert delete(strict, made).status == 404


def test_a_deletion_is_audited_with_what_was_there(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    answer = delete(strict, made)
    event = strict.events(made["id"])[-1]
    assert (event["type"], event["request_id"]) == ("destination-deleted", answer.headers["x-request-id"])
    assert event["details"] == {
        "id": made["id"],
        "before": made | {"endpoint": "https://one.example.com/in?…"},
        "reason": None,
        "skipped": 0,
    }


def test_an_id_in_capitals_deletes_the_same_destination(strict: House) -> None:
    made = strict.destination()
    assert delete(strict, made["id"].upper()).status == 200
    assert strict.call("GET", path(made)).status == 404
    assert strict.events(made["id"])[-1]["type"] == "destination-deleted"


def test_its_subscriptions_go_with_it(strict: House) -> None:
    source, made = strict.source(), strict.destination(endpoint=ONE)
    subscription = strict.subscription(source, made)
    assert delete(strict, made).status == 200
    assert strict.call("GET", f"/waypost/v1/subscriptions/{subscription['id']}").status == 404


def test_its_credential_can_be_deleted_afterwards(strict: House) -> None:
    credential = strict.credential()
    made = strict.destination(authCredential=credential)
    assert strict.call("DELETE", f"/platform/v1/authcredentials/{credential}").status == 409
    assert delete(strict, made).status == 200
    assert strict.call("DELETE", f"/platform/v1/authcredentials/{credential}").status == 200


def test_pending_messages_keep_it_from_being_deleted(house: House, busy: dict[str, Any]) -> None:
    for spelling in (busy, busy["id"].upper()):
        answer = delete(house, spelling)
        assert (answer.status, answer.json["type"]) == (409, "/problems/messages_pending")
    assert house.call("GET", path(busy)).status == 200


def test_with_a_reason_pending_messages_end_skipped_and_audited(house: House, busy: dict[str, Any]) -> None:
    assert delete(house, busy, "The ward has closed.").status == 200
    details = house.events(busy["id"])[-1]["details"]
    assert (details["reason"], details["skipped"]) == ("The ward has closed.", 2)
    search = f"/platform/v1/environments/{house.environments['Development']}/logs/search/metadata"
    answer = house.call("POST", search, {"destinationId": busy["id"]})
    assert [log["status"] for log in answer.payload["results"]] == ["failed", "failed"]


def test_the_reason_may_stand_in_the_body(house: House, busy: dict[str, Any]) -> None:
    assert house.call("DELETE", path(busy), {"reason": "Closed."}).status == 200
    assert house.events(busy["id"])[-1]["details"]["reason"] == "Closed."


def test_a_deletion_takes_nothing_but_a_reason(strict: House) -> None:
    answer = strict.call("DELETE", path(strict.destination()), {"force": True})
    assert (answer.status, answer.faults) == (400, [("/force", "unknown_field")])


@pytest.mark.parametrize("reason", ["", " ", "x" * 256, "a\nb", "a\x00b"])
def test_a_reason_is_one_line_of_words(house: House, busy: dict[str, Any], reason: str) -> None:
    answer = delete(house, busy, reason)
    assert (answer.status, [pointer for pointer, _ in answer.faults]) == (400, ["/reason"])


def test_a_production_destination_needs_an_owner_besides_engineer(strict: House) -> None:
    made = strict.destination("Production", endpoint=ONE)
    answer = delete(strict, made)
    assert answer.status == 403
    assert "owner" in answer.json["detail"]
    assert delete(strict, made, by="owner").status == 200


def test_staging_needs_no_owner(strict: House) -> None:
    assert delete(strict, strict.destination("Staging")).status == 200


def test_a_deleted_destination_takes_no_more_messages(house: House, receiver: Receiver) -> None:
    source, made = house.source(), house.destination(endpoint=receiver.url)
    house.subscription(source, made)
    house.message(source, made)
    receiver.wait(1)
    house.run(house.waypost.engine.worker.stop())
    house.run(house.waypost.engine.worker.start())
    assert delete(house, made).status == 200
    meta = {
        "DataModel": "PatientAdmin", "EventType": "NewPatient",
        "Source": {"ID": source["id"]}, "Destinations": [{"ID": made["id"]}],
    }  # fmt: skip
    assert house.call("POST", "/endpoint", {"Meta": meta}, by="source").status == 400
