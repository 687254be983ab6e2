"""Payload and attempts of a log: who may see them, what is shown, and the event that comes first."""

from typing import Any

import pytest

from tests.support import logs
from tests.support.house import House
from waypost.ids import new_id
from waypost.web.routes import cursor

BOTH = ["payload", "attempts"]


def path(log_id: str, what: str) -> str:
    return f"/waypost/v1/logs/{log_id}/{what}"


@pytest.fixture
def sent(house: House, route: dict[str, Any]) -> tuple[str, bytes]:
    """A delivered log's id, and the bytes that came in."""
    body = logs.body(route, Patient={"Notes": ["ü", 1.50]}) + b"\n "
    answer = house.call("POST", "/endpoint", body, by="source")
    log_id = answer.json["Meta"]["Logs"][0]["ID"]
    logs.until_state(house, log_id, "delivered")
    return log_id, body


@pytest.mark.parametrize("by", ["engineer", "support"])
def test_the_payload_is_the_message_as_it_was_accepted(house: House, sent: tuple[str, bytes], by: str) -> None:
    log_id, body = sent
    answer = house.call("GET", path(log_id, "payload"), by=by)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.body == b'{"meta":{"version":"1.0.0"},"payload":' + body + b"}"
    assert answer.payload["Patient"]["Notes"] == ["ü", 1.5]


@pytest.mark.parametrize("what", BOTH)
def test_each_view_is_audited(house: House, sent: tuple[str, bytes], what: str) -> None:
    log_id, _ = sent
    answer = house.call("GET", path(log_id, what), by="support")
    [event] = house.events(log_id)
    assert (event["type"], event["status"], event["details"]) == (
        f"log-{what}-viewed", "successful", {"id": log_id},
    )  # fmt: skip
    assert event["request_id"] == answer.headers["x-request-id"]
    assert event["environment_id"] == house.environments["Development"]


@pytest.mark.parametrize("what", BOTH)
def test_nothing_is_shown_that_could_not_be_audited(house: House, sent: tuple[str, bytes], what: str) -> None:
    log_id, _ = sent
    house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE audit_event RENAME TO away") and None)
    try:
        answer = house.call("GET", path(log_id, what))
    finally:
        house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE away RENAME TO audit_event") and None)
    assert answer.status == 503
    assert b"Notes" not in answer.body


@pytest.mark.parametrize("what", BOTH)
def test_a_viewer_is_told_which_role_it_takes(house: House, sent: tuple[str, bytes], what: str) -> None:
    answer = house.call("GET", path(sent[0], what), by="viewer")
    assert answer.status == 403
    assert "engineer or support" in answer.json["detail"]
    assert house.events(sent[0]) == []


@pytest.mark.parametrize("what", BOTH)
@pytest.mark.parametrize("by", ["outsider", "admin without a role"])
def test_for_others_the_log_does_not_exist(house: House, sent: tuple[str, bytes], what: str, by: str) -> None:
    here = house.call("GET", path(sent[0], what), by=by)
    nowhere = house.call("GET", path(new_id(), what), by=by)
    assert here.status == nowhere.status == 404
    assert {**here.json, "instance": ""} == {**nowhere.json, "instance": ""}


@pytest.mark.parametrize("what", BOTH)
def test_a_source_may_not_look(house: House, sent: tuple[str, bytes], what: str) -> None:
    assert house.call("GET", path(sent[0], what), by="source").status == 403
    assert house.call("GET", path(sent[0], what), by=None).status == 401
    assert house.call("GET", path("not-an-id", what)).status == 404


def test_attempts_are_shown_newest_first_with_what_was_answered(house: House, failed: str) -> None:
    answer = house.call("GET", path(failed, "attempts"), by="support")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    second, first = answer.payload["attempts"]
    assert (first["outcome"], first["status"], first["answer"]) == ("failed", 503, "busy �")
    assert (second["status"], second["answer"]) == (422, '{"error": "no bed 7"}')
    assert first["reason"].startswith("The endpoint answered 503")
    assert first["startedAt"] <= first["endedAt"] <= second["startedAt"] <= second["endedAt"]
    assert first["id"] != second["id"]
    assert first["answerUnavailable"] is None


def test_a_delivered_attempt_has_no_answer(house: House, sent: tuple[str, bytes]) -> None:
    [only] = house.call("GET", path(sent[0], "attempts")).payload["attempts"]
    assert (only["outcome"], only["status"], only["reason"], only["answer"]) == ("delivered", 200, None, None)


def test_attempts_come_in_pages(house: House, failed: str) -> None:
    first = house.call("GET", path(failed, "attempts") + "?_count=1")
    following = first.json["meta"]["page"]["nextCursor"]
    second = house.call("GET", path(failed, "attempts") + f"?_count=1&_cursor={following}")
    assert [page.payload["attempts"][0]["status"] for page in (first, second)] == [422, 503]
    assert "nextCursor" not in second.json["meta"]["page"]


@pytest.mark.parametrize("made_up", ["x", "!!", cursor.write((2**63, "")), cursor.write((-(2**63) - 1, ""))])
def test_a_made_up_cursor_is_refused(house: House, failed: str, made_up: str) -> None:
    answer = house.call("GET", path(failed, "attempts") + f"?_cursor={made_up}")
    assert (answer.status, answer.faults) == (400, [("/_cursor", "invalid_cursor")])


def test_an_answer_that_no_longer_opens_hides_no_other(house: House, failed: str) -> None:
    house.write(
        lambda tx: (
            tx.exec_driver_sql("UPDATE attempt SET answer = x'01' WHERE log_id = ? AND status = 422", (failed,))
            and None
        )
    )
    second, first = house.call("GET", path(failed, "attempts")).payload["attempts"]
    assert (second["answer"], first["answer"]) == (None, "busy �")
    assert "data key" in second["answerUnavailable"]


def test_a_payload_that_does_not_open_answers_503_and_is_no_view(house: House, sent: tuple[str, bytes]) -> None:
    house.write(
        lambda tx: (
            tx.exec_driver_sql(
                "UPDATE message SET body = x'01' WHERE id = (SELECT message_id FROM log WHERE id = ?)", (sent[0],)
            )
            and None
        )
    )
    answer = house.call("GET", path(sent[0], "payload"))
    assert (answer.status, answer.json["type"]) == (503, "/problems/key_unavailable")
    assert house.events(sent[0]) == []
