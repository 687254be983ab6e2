"""A change of destination or credential counts for the next attempt, and wakes what waits for it."""

import sqlalchemy as sa

from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer, stall
from tests.support.waiting import until

NO = answer(503)


def test_a_change_wakes_a_held_queue_at_once(patient: House, receiver: Receiver, other: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1, 2, 3)
        lane.until("held")
        lane.patch(endpoint=other.url, name="Moved")
        lane.until("idle")
    assert (numbers(receiver), numbers(other)) == ([1], [1, 2, 3])
    assert {body["Meta"]["Destinations"][0]["Name"] for body in other.bodies()} == {"Moved"}


def test_any_changed_field_wakes(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url, verificationToken="one") as lane:
        lane.send(1)
        lane.until("held")
        for requests, change in enumerate(
            ({"name": "Renamed"}, {"verificationToken": "two"}, {"endpoint": receiver.url + "in"}), start=2
        ):
            lane.patch(**change)
            receiver.wait(requests)
            until(lambda: lane.queue()["head"]["attempts"] >= 1)
        lane.settings(timeoutSeconds=7)
        receiver.wait(5)
        tokens = [request.headers["verification-token"] for request in receiver.requests]
        assert tokens == ["one", "one", "two", "two", "two"]


def test_a_change_of_nothing_wakes_nobody(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane, Lane(patient, endpoint=receiver.url) as barrier:
        lane.send(1)
        before = lane.until("held")
        barrier.send(2)
        barrier.until("held")
        lane.patch()
        lane.patch(name=lane.destination["name"], endpoint=receiver.url)
        barrier.patch(name="x")
        receiver.wait(3)
        until(lambda: barrier.queue()["state"] == "held")
        assert lane.queue() == before
        assert numbers(receiver) == [1, 2, 2]


def test_a_woken_queue_that_fails_again_waits_again(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1)
        lane.until("held")
        lane.patch(name="x")
        until(lambda: lane.queue()["head"]["attempts"] == 2)
        assert (lane.queue()["state"], numbers(receiver)) == ("held", [1, 1])


def test_a_change_wakes_every_queue_of_the_destination(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane:
        feeds = [patient.source() for _ in range(40)]
        queues = [str(patient.subscription(feed, lane.destination)["id"]) for feed in feeds]
        for number, feed in enumerate(feeds):
            patient.message(feed, lane.destination)
            receiver.wait(number + 1)
        path = f"/waypost/v1/environments/{patient.environments['Development']}/queues?_count=500"

        def held() -> int:
            listed = patient.call("GET", path).payload["queues"]
            return sum(queue["queueId"] in queues and queue["state"] == "held" for queue in listed)

        until(lambda: held() == 40)
        receiver.behave(answer())
        lane.patch(name="x")
        receiver.wait(80)
        until(lambda: held() == 0)
        assert len(receiver.requests) == 80


def test_an_attempt_in_flight_ends_with_what_it_began_with_and_is_not_repeated(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(stall(answer()))
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1, 2, 3)
        receiver.wait(1)
        lane.patch(endpoint=other.url)
        receiver.release()
        lane.until("idle")
    assert (numbers(receiver), numbers(other)) == ([1], [2, 3])


def test_an_attempt_in_flight_that_fails_after_the_change_is_due_at_once(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(stall(answer(503, headers={"Retry-After": "3600"})))
    with Lane(patient, endpoint=receiver.url) as lane:
        [log_id, _] = lane.send(1, 2)
        receiver.wait(1)
        lane.patch(endpoint=other.url)
        receiver.release()
        lane.until("idle")
        assert (numbers(receiver), numbers(other)) == ([1], [1, 2])
        assert [attempt.outcome for attempt in lane.attempts(log_id)] == ["failed", "delivered"]


def test_a_retry_in_flight_that_fails_after_the_change_is_due_at_once(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(NO, stall(NO))
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1)
        lane.until("held")
        lane.act("retry")
        receiver.wait(2)
        lane.patch(endpoint=other.url)
        receiver.release()
        lane.until("idle")
        assert (numbers(receiver), numbers(other)) == ([1, 1], [1])


def test_after_a_change_the_schedule_begins_anew(quick: House, receiver: Receiver) -> None:
    receiver.behave(*[NO] * 4, stall(NO), stall(answer()))
    with Lane(quick, endpoint=receiver.url) as lane:
        lane.send(1)
        receiver.wait(5)
        lane.patch(name="x")
        receiver.release()
        lane.until("idle")
        assert len(receiver.requests) == 6


def test_a_change_that_does_not_help_begins_the_schedule_anew(patient: House, receiver: Receiver) -> None:
    receiver.behave(NO)
    with Lane(patient, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        lane.until("held")
        for change in range(2, 4):
            lane.patch(name=f"change {change}")
            receiver.wait(change)
        until(lambda: len(lane.attempts(log_id)) == 3, "the third attempt's being recorded")
        failures = sa.text("SELECT attempts FROM queue_head WHERE queue_id = :id")
        assert patient.read(lambda tx: tx.scalar(failures, {"id": lane.queue_id})) == 1


def test_the_first_attempt_after_the_answer_has_the_new_settings(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    with Lane(patient, endpoint=receiver.url, verificationToken="0") as lane:
        for number in range(30):
            lane.patch(endpoint=(other if number % 2 else receiver).url, verificationToken=str(number))
            lane.send(number)
        lane.until("idle")
        for request in receiver.requests + other.requests:
            number = int(request.json["Patient"]["Identifiers"][0]["ID"])
            assert int(request.headers["verification-token"]) >= number
