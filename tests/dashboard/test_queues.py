"""Queues: the list with reasons, one queue, and what an engineer does about it."""

from collections.abc import Iterator

import pytest

from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor
from tests.support.waiting import until


@pytest.fixture
def held(lively: House, receiver: Receiver) -> Iterator[Lane]:
    """A lane that holds three messages."""
    receiver.behave(answer(503))
    with Lane(lively, endpoint=receiver.url, name="Registry") as lane:
        lane.send(1, 2, 3)
        lane.until("held")
        yield lane


def listed(house: House, query: str = "", by: str = "viewer") -> str:
    page = Visitor(house, by).get(f"{Visitor(house).home}/queues{query}")
    assert page.status == 200
    return page.text


def one(lane: Lane) -> str:
    return f"/dashboard/queues/{lane.queue_id}"


def test_the_list_says_why_a_queue_is_held(held: Lane) -> None:
    text = listed(held.house)
    assert "held Registry Feed · PatientAdmin 3" in text
    assert "The endpoint answered 503 Service Unavailable. since" in text


def test_the_list_can_be_narrowed(held: Lane) -> None:
    assert "Registry" in listed(held.house, "?state=held")
    assert "No queue is like that." in listed(held.house, "?state=paused")
    assert "Registry" in listed(held.house, f"?destination={held.destination['id']}")
    assert "No queue is like that." in listed(held.house, "?destination=00000000-0000-4000-8000-000000000000")
    assert "Registry" in listed(held.house, "?state=nonsense")


def test_a_queue_says_what_waits_and_what_may_be_done(held: Lane) -> None:
    page = Visitor(held.house).get(one(held))
    assert "3 messages wait" in page.text
    assert "The endpoint answered 503 Service Unavailable." in page.text
    assert "PatientAdmin · NewPatient" in page.text
    assert f"/dashboard/destinations/{held.destination['id']}" in page.links
    for button in ("Retry now", "Pause", "Skip it"):
        assert button in page.text


def test_who_may_not_change_a_queue_is_offered_nothing_and_refused(held: Lane) -> None:
    for who in ("viewer", "support"):
        bob = Visitor(held.house, who)
        page = bob.get(one(held))
        assert page.status == 200
        assert [form.action for form in page.forms if form.method == "post"] == ["/dashboard/sign-out"]
        for verb in ("pause", "resume", "retry", "skip"):
            assert bob.post(f"{one(held)}/{verb}").status == 403
    assert held.queue()["state"] == "held"


def test_a_queue_is_paused_and_goes_on(held: Lane) -> None:
    ann = Visitor(held.house)
    assert ann.post(f"{one(held)}/pause").goes_to == one(held)
    page = ann.get(one(held))
    assert "The queue is paused: what arrives is stored, and nothing is sent." in page.text
    assert "Resume" in page.text
    assert held.queue()["state"] == "paused"
    assert ann.post(f"{one(held)}/resume").status == 303
    assert held.queue()["state"] != "paused"


def test_a_held_queue_is_tried_at_once_and_drains(held: Lane, receiver: Receiver) -> None:
    receiver.behave(answer())
    before = len(receiver.requests)
    Visitor(held.house).post(f"{one(held)}/retry")
    until(lambda: numbers(receiver)[before:] == [1, 2, 3], "everything's arrival")
    held.until("idle")
    assert "It is empty." in Visitor(held.house).get(one(held)).text


def test_the_head_is_skipped_with_a_reason(held: Lane) -> None:
    ann = Visitor(held.house)
    ann.post(f"{one(held)}/pause")
    head = held.queue()["head"]["logId"]
    until(lambda: held.queue()["head"]["attempts"] > 0)
    without = ann.post(f"{one(held)}/skip", {"logId": head, "reason": ""})
    assert without.goes_to == one(held)
    assert "Nothing was skipped. reason:" in ann.get(one(held)).text
    assert held.state_of(head) == "pending"
    ann.post(f"{one(held)}/skip", {"logId": head, "reason": "A test patient"})
    assert "The message was skipped." in ann.get(one(held)).text
    assert held.state_of(head) == "skipped"
    ann.post(f"{one(held)}/skip", {"logId": head, "reason": "again"})
    assert "Nothing was skipped. This log is not at the head of the queue." in ann.get(one(held)).text


def test_the_queues_of_others_do_not_exist(held: Lane) -> None:
    stranger = Visitor(held.house, "outsider")
    assert stranger.get(one(held)).status == 404
    assert stranger.get(f"{one(held)}/live").status == 404
    assert stranger.get(f"{Visitor(held.house).home}/queues").status == 404
    assert stranger.post(f"{one(held)}/pause").status == 404


def test_what_is_no_cursor_of_a_list_is_refused(lively: House) -> None:
    page = Visitor(lively).get(f"{Visitor(lively).home}/queues?after=nonsense")
    assert page.status == 400
    assert "This is not a cursor that a page of this list gave." in page.text
