"""Replaying one log: a new log at the tail, delivered as what it is, refused where nothing would take it."""

from typing import Any

import pytest

from tests.support import logs
from tests.support.house import House
from tests.support.receiver import Receiver, answer
from tests.support.serving import Answer
from waypost.ids import new_id


def replay(house: House, log_id: str, by: str = "engineer") -> Answer:
    return house.call("POST", f"/waypost/v1/logs/{log_id}/replay", by=by)


@pytest.fixture
def delivered(house: House, route: dict[str, Any]) -> str:
    log_id = logs.send(house, route, Patient={"Number": 1})
    logs.until_state(house, log_id, "delivered")
    return log_id


def code(answered: Answer) -> tuple[int, str]:
    return answered.status, answered.json["type"].removeprefix("/problems/")


def test_a_replay_is_a_new_log_with_a_new_sequence(house: House, delivered: str) -> None:
    answered = replay(house, delivered)
    assert answered.status == 201
    made = answered.payload["log"]
    assert (made["replayOf"], made["sequence"], made["status"]) == (delivered, 2, "pending")
    assert made["id"] != delivered
    again = logs.until_state(house, made["id"], "delivered")
    first = logs.row(house, delivered)
    assert (first.state, first.attempts, first.seq) == ("delivered", 1, 1)
    assert (again.message_id, again.subscription_id) == (first.message_id, first.subscription_id)


def test_it_is_delivered_with_the_log_that_it_replays(house: House, receiver: Receiver, delivered: str) -> None:
    made = replay(house, delivered).payload["log"]["id"]
    first, second = receiver.wait(2)
    assert "waypost-replay-of" not in first.headers
    assert (second.headers["waypost-replay-of"], second.headers["waypost-sequence"]) == (delivered, "2")
    assert second.json["Patient"] == first.json["Patient"] == {"Number": 1}
    assert (first.json["Meta"]["Logs"][0]["ID"], second.json["Meta"]["Logs"][0]["ID"]) == (delivered, made)


def test_it_waits_behind_what_is_in_the_queue(
    house: House, receiver: Receiver, route: dict[str, Any], delivered: str
) -> None:
    receiver.behave(answer(500))
    held = logs.send(house, route, Patient={"Number": 2})
    logs.until_attempts(house, held, 1)
    behind = logs.send(house, route, Patient={"Number": 3})
    made = replay(house, delivered).payload["log"]["id"]
    receiver.behave(answer(200))
    assert house.call("POST", f"/waypost/v1/queues/{route['id']}/retry").status == 200
    logs.until_state(house, made, "delivered")
    sent = [request.json["Meta"]["Logs"][0]["ID"] for request in receiver.requests[2:]]
    assert sent == [held, behind, made]


def test_a_paused_queue_keeps_a_replay(
    house: House, receiver: Receiver, route: dict[str, Any], delivered: str
) -> None:
    house.call("POST", f"/waypost/v1/queues/{route['id']}/pause")
    made = replay(house, delivered).payload["log"]["id"]
    queue = house.call("POST", f"/waypost/v1/queues/{route['id']}/resume").payload["queue"]
    assert (queue["depth"], queue["head"]["logId"]) == (1, made)
    logs.until_state(house, made, "delivered")


def test_a_skipped_log_can_be_replayed(house: House, receiver: Receiver, route: dict[str, Any]) -> None:
    receiver.behave(answer(500), answer(200))
    log_id = logs.send(house, route)
    logs.until_attempts(house, log_id, 1)
    house.call("POST", f"/waypost/v1/queues/{route['id']}/skip", {"logId": log_id, "reason": "later"})
    made = replay(house, log_id).payload["log"]["id"]
    logs.until_state(house, made, "delivered")
    assert logs.row(house, log_id).state == "skipped"


def test_it_is_audited(house: House, delivered: str) -> None:
    made = replay(house, delivered).payload["log"]["id"]
    [event] = house.events(delivered)
    assert (event["type"], event["details"]) == ("log-replayed", {"id": delivered, "log": made})


def test_what_is_pending_is_not_replayed(house: House, receiver: Receiver, route: dict[str, Any]) -> None:
    receiver.behave(answer(500))
    log_id = logs.send(house, route)
    logs.until_attempts(house, log_id, 1)
    assert code(replay(house, log_id)) == (409, "still_pending")


def test_a_deleted_subscription_takes_nothing(house: House, route: dict[str, Any], delivered: str) -> None:
    assert house.call("DELETE", f"/waypost/v1/subscriptions/{route['id']}").status == 200
    assert code(replay(house, delivered)) == (409, "queue_closed")


def test_a_deleted_destination_takes_nothing(house: House, route: dict[str, Any], delivered: str) -> None:
    assert house.call("DELETE", f"/platform/v1/destinations/{route['destination']['id']}").status == 200
    assert code(replay(house, delivered)) == (409, "queue_closed")
    assert house.events(delivered) == []


def test_a_message_that_is_not_kept_cannot_be_replayed(house: House, delivered: str) -> None:
    house.write(lambda tx: tx.exec_driver_sql("DELETE FROM message") and None)
    assert code(replay(house, delivered)) == (409, "payload_gone")


@pytest.mark.parametrize(("by", "status"), [("support", 403), ("viewer", 403), ("outsider", 404), ("source", 403)])
def test_only_an_engineer_may(house: House, delivered: str, by: str, status: int) -> None:
    assert replay(house, delivered, by).status == status
    assert replay(house, new_id(), "engineer").status == 404
    count = house.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM log").scalar())
    assert count == 1
