"""Receivers that hang cost their own destinations and nobody else (invariant 11)."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.delivery.conftest import QUICK
from tests.support.crowds import crowd, is_crowd_idle, remove_crowd, send_crowd_again
from tests.support.hanging import Hanging
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, a_message
from tests.support.receiver import Receiver, answer, stall
from tests.support.waiting import until
from waypost.access import operator
from waypost.delivery.slots import MOST_A_DESTINATION
from waypost.subscriptions.model import Subscription

OPERATOR = operator("the test")

DESTINATIONS = 40
QUEUES = 16
LARGE = 9_000_000


def test_forty_destinations_that_hang_with_sixteen_queues_each_take_nothing_from_a_healthy_one(
    quick: House, receiver: Receiver
) -> None:
    with Hanging() as hanging, Lane(quick, endpoint=receiver.url) as healthy:
        made = quick.run(destinations(quick, healthy.source["id"], hanging.url))
        hanging.hang()
        message = a_message(healthy.source, [{"id": each.destination_id} for each in made])
        assert quick.call("POST", "/endpoint", message, by="source").status == 200
        for each in made:
            quick.write(partial(crowd, queue_id=each.id, count=QUEUES - 1))
        hanging.wait(DESTINATIONS)
        passes(healthy)
        assert hanging.received == DESTINATIONS, "one that never answered has one attempt in flight"

        hanging.let_go()
        hanging.wait(DESTINATIONS * QUEUES)
        until(lambda: quick.read(is_crowd_idle), "the end of all attempts")
        hanging.hang()  # from here on they have earned their places, and all hang at the same moment
        quick.write(send_crowd_again)
        until(lambda: hanging.in_hand > 2 * DESTINATIONS, "their hanging in several places each")
        passes(healthy)
        assert hanging.busiest <= DESTINATIONS * MOST_A_DESTINATION
        quick.write(remove_crowd)
        hanging.let_go()


async def destinations(house: House, source_id: str, url: str) -> list[Subscription]:
    """The subscriptions of so many destinations there."""
    waypost, environment_id = house.waypost, house.environments["Development"]

    async def make(number: int) -> Subscription:
        made = await waypost.configuration.destinations.create(
            OPERATOR, environment_id, {"name": f"Hanging {number}", "endpoint": url}
        )
        ends = {"source": {"id": source_id}, "destination": {"id": made.id}}
        return await waypost.configuration.subscriptions.create(
            OPERATOR, environment_id, ends | {"dataModel": "PatientAdmin"}
        )

    return await asyncio.gather(*(make(number) for number in range(DESTINATIONS)))


def passes(lane: Lane) -> None:
    """A message of this lane arrives."""
    lane.send(1)
    lane.until("idle")


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[House]:
    """A house with room for one large message in each lane."""
    with House(tmp_path, allowed_networks=LOOPBACK, retry_schedule=QUICK, body_memory_mb=48) as made:
        yield made


def test_large_messages_to_one_that_hangs_leave_room_for_those_of_others(
    narrow: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(stall())
    hanging = [Lane(narrow, endpoint=receiver.url, timeoutSeconds=120) for _ in range(3)]
    lane = Lane(narrow, endpoint=other.url)
    for each in hanging:
        send_large(each)
    receiver.wait(2)  # the first has moved to the slow lane; for the third there is no room
    passes(lane)
    assert len(receiver.requests) == 2
    receiver.release()
    receiver.behave(answer())
    for each in hanging:
        each.until("idle")
    assert sorted(len(request.body) > LARGE for request in receiver.requests) == [True] * 3


def test_a_large_message_passes_a_hanging_one(narrow: House, receiver: Receiver, other: Receiver) -> None:
    receiver.behave(stall())
    hanging, lane = Lane(narrow, endpoint=receiver.url, timeoutSeconds=120), Lane(narrow, endpoint=other.url)
    send_large(hanging)
    receiver.wait(1)
    send_large(lane)
    lane.until("idle")
    assert (len(other.requests), len(receiver.requests)) == (1, 1)
    receiver.release()


def send_large(lane: Lane) -> None:
    answered = lane.house.call("POST", "/endpoint", lane.body() | {"Notes": "x" * LARGE}, by="source")
    assert answered.status == 200, answered.body
