"""Retries: the schedule, `Retry-After`, the order that holds through them, and pausing."""

from email.utils import formatdate
from itertools import pairwise
from time import time

import pytest
import sqlalchemy as sa

from tests.delivery.conftest import QUICK
from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, Reply, Request, answer, stall
from tests.support.waiting import until
from waypost.clock import from_iso

NO = answer(503)


def test_the_head_is_tried_until_it_goes_through_and_the_rest_follows_in_order(
    quick: House, receiver: Receiver
) -> None:
    receiver.behave(NO, NO, NO, answer())
    with Lane(quick, endpoint=receiver.url) as lane:
        logs = lane.send(1, 2, 3)
        lane.until("idle")
        assert numbers(receiver) == [1, 1, 1, 1, 2, 3]
        outcomes = [[attempt.outcome for attempt in lane.attempts(log)] for log in logs]
        assert outcomes == [["failed", "failed", "failed", "delivered"], ["delivered"], ["delivered"]]
        assert lane.queue()["reason"] is None


def test_the_log_id_stays_over_retries_and_every_attempt_has_its_own_id(quick: House, receiver: Receiver) -> None:
    receiver.behave(NO, NO, answer())
    with Lane(quick, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        lane.until("idle")
        sent = [body["Meta"]["Logs"] for body in receiver.bodies()]
        assert [[log["ID"] for log in logs] for logs in sent] == [[log_id]] * 3
        assert [logs[0]["AttemptID"] for logs in sent] == [attempt.id for attempt in lane.attempts(log_id)]
        assert len({request.headers["waypost-sequence"] for request in receiver.requests}) == 1


def test_the_schedule_is_followed_and_its_last_delay_repeats(quick: House, receiver: Receiver) -> None:
    receiver.behave(*[NO] * 7, answer())
    with Lane(quick, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        lane.until("idle")
        attempts = lane.attempts(log_id)
        assert len(attempts) == 8
        for failures, (before, after) in enumerate(pairwise(attempts)):
            asked = QUICK[min(failures, len(QUICK) - 1)]
            waited = (after.started_at - before.ended_at) / 1000
            assert asked <= waited < asked + 5


def test_a_held_queue_shows_how_often_it_was_tried(quick: House, receiver: Receiver) -> None:
    receiver.behave(*[NO] * 5, stall(answer()))
    with Lane(quick, endpoint=receiver.url) as lane:
        lane.send(1)
        receiver.wait(6)
        assert lane.queue()["head"]["attempts"] == 5
        receiver.release()
        lane.until("idle")


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("600", 600), ("3600", 3600), ("86400", 3600), ("99999999999999999999", 3600)],
)
def test_retry_after_is_honoured_up_to_one_hour(
    quick: House, receiver: Receiver, asked: str, seconds: int
) -> None:
    receiver.behave(answer(503, headers={"Retry-After": asked}))
    with Lane(quick, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        held = lane.until("held")
        [attempt] = lane.attempts(log_id)
        assert from_iso(held["head"]["nextAttemptAt"]) - attempt.ended_at == seconds * 1000
        receiver.behave(answer())
        lane.patch(name="Another name")  # cuts it short
        lane.until("idle")
        assert numbers(receiver) == [1, 1]


def test_retry_after_may_be_a_date(quick: House, receiver: Receiver) -> None:
    date = int(time()) + 900
    receiver.behave(answer(429, headers={"Retry-After": formatdate(date, usegmt=True)}))
    with Lane(quick, endpoint=receiver.url) as lane:
        lane.send(1)
        held = lane.until("held")
        late = from_iso(held["head"]["nextAttemptAt"]) / 1000 - date
        assert -0.001 <= late <= 60  # later by what passes, on a busy machine, until the attempt is recorded


def test_a_message_is_sent_only_once_the_one_before_is_durably_acknowledged(
    quick: House, receiver: Receiver
) -> None:
    seen: list[tuple[int, int | None]] = []

    def look(request: Request) -> Reply:
        query = sa.text("SELECT cursor FROM queue_head WHERE queue_id = :id")
        cursor = quick.read(lambda tx: tx.scalar(query, {"id": lane.queue_id}))
        seen.append((int(request.headers["waypost-sequence"]), cursor))
        return answer()

    receiver.behave(look)
    with Lane(quick, endpoint=receiver.url) as lane:
        lane.send(*range(40))
        lane.until("idle")
    assert seen == [(number, number - 1) for number in range(1, 41)]


def test_many_messages_arrive_in_order_and_once(quick: House, receiver: Receiver) -> None:
    with Lane(quick, endpoint=receiver.url) as lane:
        lane.act("pause")
        lane.send(*range(300))
        assert lane.queue()["depth"] == 300
        lane.act("resume")
        lane.until("idle", seconds=60)
    assert numbers(receiver) == list(range(300))


def test_messages_that_arrive_while_others_are_sent_are_not_forgotten(quick: House, receiver: Receiver) -> None:
    with Lane(quick, endpoint=receiver.url) as lane:
        for number in range(60):
            lane.send(number)
        lane.until("idle")
    assert numbers(receiver) == list(range(60))


def test_a_paused_queue_stays_paused_whatever_changes(patient: House, receiver: Receiver, other: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane, Lane(patient, endpoint=receiver.url) as barrier:
        for each in (lane, barrier):
            each.send(1)
            each.until("held")
        lane.act("pause")
        lane.patch(endpoint=other.url)
        lane.send(2)
        receiver.behave(answer())
        barrier.patch(name="x")
        barrier.until("idle")  # by now the wake-up before it has been heard as well
        assert (lane.queue()["state"], lane.queue()["depth"], numbers(other)) == ("paused", 2, [])
        lane.act("resume")
        lane.until("idle")
        assert numbers(other) == [1, 2]


def test_an_attempt_in_flight_ends_when_its_queue_is_paused(patient: House, receiver: Receiver) -> None:
    receiver.behave(stall(answer()))
    with Lane(patient, endpoint=receiver.url) as lane:
        first, second = lane.send(1, 2)
        receiver.wait(1)
        lane.act("pause")
        receiver.release()
        until(lambda: lane.state_of(first) == "delivered")
        assert (lane.queue()["state"], lane.state_of(second), numbers(receiver)) == ("paused", "pending", [1])


def test_a_held_queue_is_retried_on_request(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO, NO, answer())
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1)
        assert lane.until("held")["head"]["attempts"] == 1
        lane.act("retry")
        until(lambda: (lane.queue()["head"] or {}).get("attempts") == 2)
        lane.act("retry")
        lane.until("idle")
        assert numbers(receiver) == [1, 1, 1]
