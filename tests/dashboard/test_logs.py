"""Logs: searched, opened, replayed; bodies and answers only for whom they are, and never without a trace."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor

REFUSAL = "<script>alert('an answer')</script>"


@pytest.fixture(scope="module")
def lane(lively: House) -> Iterator[Lane]:
    """A lane with a delivered message, number 1, and a skipped one, number 2."""
    with Receiver() as receiver, Lane(lively, endpoint=receiver.url, name="Registry") as lane:
        lane.send(1)
        lane.until("idle")
        receiver.behave(answer(422, REFUSAL.encode()))
        [refused] = lane.send(2)
        lane.until("held")
        lane.act("pause")
        path = f"/waypost/v1/queues/{lane.queue_id}/skip"
        skipped = {"logId": refused, "reason": "A test patient"}
        assert lively.call("POST", path, skipped).status == 200
        receiver.behave(answer())
        lane.act("resume")
        yield lane


def logs_of(lane: Lane) -> list[dict[str, Any]]:
    found = lane.house.call("GET", f"/waypost/v1/destinations/{lane.destination['id']}/deliveries")
    logs: list[dict[str, Any]] = found.payload["deliveries"]
    return logs


def search(lane: Lane, query: str, by: str = "viewer") -> Any:
    return Visitor(lane.house, by).get(f"{Visitor(lane.house).home}/logs{query}")


def test_logs_are_listed_newest_first(lane: Lane) -> None:
    text = search(lane, "").text
    assert text.index("skipped PatientAdmin · NewPatient") < text.index("delivered PatientAdmin · NewPatient")
    assert "Feed → Registry" in text


@pytest.mark.parametrize(
    ("query", "delivered", "skipped"),
    [
        ("?status=succeeded", True, False),
        ("?status=failed", False, True),
        ("?status=pending", False, False),
        ("?dataModel=patient+ADMIN", True, True),
        ("?eventType=Discharge", False, False),
        ("?createdAfter=2020-01-01T00:00", True, True),
        ("?createdBefore=2020-01-01T00:00", False, False),
        ("?updatedBefore=2020-01-01T00:00", False, False),
        ("?facilityCode=X", False, False),
        ("?dataMode=backfill", False, False),
        ("?destinationId={destination}", True, True),
        ("?destinationId={destination}&status=failed", False, True),
        ("?sourceId={source}&status=failed", False, True),
    ],
)
def test_logs_are_searched_by_every_field(lane: Lane, query: str, delivered: bool, skipped: bool) -> None:
    page = search(lane, query.format(destination=lane.destination["id"], source=lane.source["id"]))
    first, second = logs_of(lane)[:2]
    assert page.status == 200
    assert (f"/dashboard/logs/{first['logId']}" in page.links) is delivered
    assert (f"/dashboard/logs/{second['logId']}" in page.links) is skipped


def test_a_search_that_cannot_be_made_says_why_beside_its_field(lane: Lane) -> None:
    page = search(lane, "?createdAfter=yesterday&status=lost")
    assert page.status == 400
    assert "This must be an ISO 8601 date-time." in page.text
    assert "createdAfter" in page.text
    assert "yesterday" in page.html


def test_a_log_has_its_attempts_and_the_answers_for_support(lane: Lane) -> None:
    refused = logs_of(lane)[1]["logId"]
    before = len(lane.house.events(refused))
    page = Visitor(lane.house, "support").get(f"/dashboard/logs/{refused}")
    assert "failed 422" in page.text
    assert "A test patient" in page.text
    assert REFUSAL in page.text
    assert "<script>alert" not in page.html
    assert [event["type"] for event in lane.house.events(refused)[before:]] == ["log-attempts-viewed"]


def test_a_viewer_sees_of_a_log_what_its_metadata_says(lane: Lane) -> None:
    refused = logs_of(lane)[1]["logId"]
    before = len(lane.house.events(refused))
    page = Visitor(lane.house, "viewer").get(f"/dashboard/logs/{refused}")
    assert page.status == 200
    assert "failed 422" in page.text
    assert "an answer" not in page.text
    assert [form.action for form in page.forms if form.method == "post"] == ["/dashboard/sign-out"]
    assert len(lane.house.events(refused)) == before


def test_a_message_is_shown_after_a_click_and_the_view_is_audited(lane: Lane) -> None:
    sent = logs_of(lane)[0]["logId"]
    ann = Visitor(lane.house, "support")
    before = ann.get(f"/dashboard/logs/{sent}")
    assert "00000001" not in before.text
    page = ann.submit(before.form("/message"))
    assert page.status == 200
    assert '"ID": "00000001"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "log-payload-viewed" in [event["type"] for event in lane.house.events(sent)]


def test_a_viewer_is_shown_no_message(lane: Lane) -> None:
    sent = logs_of(lane)[0]["logId"]
    page = Visitor(lane.house, "viewer").post(f"/dashboard/logs/{sent}/message")
    assert page.status == 403
    assert "This needs the environment role engineer or support" in page.text
    assert "00000001" not in page.html


def test_a_log_is_replayed(lane: Lane) -> None:
    sent = logs_of(lane)[0]["logId"]
    ann = Visitor(lane.house)
    page = ann.submit(ann.get(f"/dashboard/logs/{sent}").form("/replay"))
    replayed = page.goes_to.rpartition("/")[2]
    shown = ann.get(page.goes_to)
    assert "This is the replay" in shown.text
    assert f"/dashboard/logs/{sent}" in shown.links
    assert replayed != sent
    assert Visitor(lane.house, "support").post(f"/dashboard/logs/{sent}/replay").status == 403


def test_the_logs_of_others_do_not_exist(lane: Lane) -> None:
    sent = logs_of(lane)[0]["logId"]
    stranger = Visitor(lane.house, "outsider")
    assert stranger.get(f"/dashboard/logs/{sent}").status == 404
    assert stranger.post(f"/dashboard/logs/{sent}/message").status == 404
    assert stranger.get("/dashboard/logs/no-such-log").status == 404


def test_messages_are_searched_without_a_trace_of_what_was_looked_for(lane: Lane) -> None:
    ann = Visitor(lane.house, "support")
    path = f"{ann.home}/logs/messages"
    [form] = [each for each in ann.get(path).forms if "term" in each.fields]
    page = ann.post(path, form.fields | {"term": "00000002"})
    assert page.status == 200
    assert "This search is audited" in page.text
    assert f"/dashboard/logs/{logs_of(lane)[1]['logId']}" in page.links
    assert f"/dashboard/logs/{logs_of(lane)[0]['logId']}" not in page.links
    event = lane.house.events()[-1]
    assert event["type"] == "log-search"
    assert "00000002" not in str(event)


def test_a_search_in_messages_that_cannot_be_made_says_why(lane: Lane) -> None:
    ann = Visitor(lane.house, "support")
    page = ann.post(f"{ann.home}/logs/messages", {"term": "x" * 257, "createdAfter": "soon"})
    assert page.status == 400
    assert "This must be an ISO 8601 date-time." in page.text
    assert "at most 256 characters" in page.text


def test_a_viewer_searches_no_messages(lane: Lane) -> None:
    bob = Visitor(lane.house, "viewer")
    assert bob.get(f"{bob.home}/logs/messages").status == 403
    assert bob.post(f"{bob.home}/logs/messages", {"term": "a"}).status == 403
    assert f"{bob.home}/logs/messages" not in bob.get(f"{bob.home}/logs").links


def test_what_a_search_finds_is_counted_and_then_replayed(lane: Lane) -> None:
    ann = Visitor(lane.house)
    query = f"destinationId={lane.destination['id']}&status=failed"
    asked = ann.get(f"{ann.home}/replays/new?{query}&count=yes")
    assert "1 log that has ended" in asked.text
    begun = ann.submit(asked.form("/replays"))
    assert begun.status == 303
    page = ann.get(begun.goes_to)
    assert "of 1" in page.text
    assert lane.destination["id"] in page.text
    lane.until("idle")


def test_a_replay_of_many_is_an_engineers(lane: Lane) -> None:
    bob = Visitor(lane.house, "support")
    assert bob.get(f"{bob.home}/replays/new").status == 403
    assert bob.post(f"{bob.home}/replays", {"status": "failed"}).status == 403
    assert f"{bob.home}/replays/new" not in bob.get(f"{bob.home}/logs").links


def test_the_ledger_has_a_line_for_each_subscription(lane: Lane) -> None:
    page = Visitor(lane.house, "viewer").get(f"{Visitor(lane.house).home}/ledger")
    assert page.status == 200
    assert "accepted + " in page.text
    assert "Registry Feed · PatientAdmin" in page.text
