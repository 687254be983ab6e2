"""The worker: its bounds, what it does when it starts and stops, and when the store is away."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.delivery.conftest import AN_HOUR, QUICK
from tests.support.callers import Household
from tests.support.crowds import crowd, remove_crowd
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer, stall
from tests.support.waiting import until
from waypost.delivery.slots import MOST_A_DESTINATION
from waypost.delivery.worker import REST_SECONDS

NO = answer(503)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own."""
    with House(tmp_path, allowed_networks=LOOPBACK, retry_schedule=QUICK) as made:
        yield made


def again(folder: Path, keep: Household, *, deliver: bool = True) -> House:
    """The same folder opened anew, as after a restart."""
    return House(folder, keep=keep, deliver=deliver, allowed_networks=LOOPBACK, retry_schedule=AN_HOUR)


@contextmanager
def stopping(house: House, within_seconds: float) -> Iterator["Future[None]"]:
    """The worker's stop, under way; at the end it has come to its end."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda: house.run(house.waypost.engine.worker.stop(within_seconds=within_seconds)))
        yield future
        future.result(within_seconds + 10)


def test_a_hanging_destination_takes_nothing_from_others(
    quick: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(stall())
    with ExitStack() as stack:
        hanging = stack.enter_context(Lane(quick, endpoint=receiver.url, timeoutSeconds=120))
        lanes = [stack.enter_context(Lane(quick, endpoint=other.url)) for _ in range(5)]
        hanging.send(1, 2)
        receiver.wait(1)
        for number in range(20):
            for lane in lanes:
                lane.send(number)
        for lane in lanes:
            lane.until("idle")
        assert sorted(numbers(other)) == sorted(list(range(20)) * 5)
        assert len(receiver.requests) == 1
        receiver.release()


def test_one_destination_has_so_many_attempts_in_flight_at_most(quick: House, receiver: Receiver) -> None:
    with Lane(quick, endpoint=receiver.url, timeoutSeconds=120) as lane:
        lane.send(*range(MOST_A_DESTINATION))  # each that it takes earns it one more at a time
        lane.until("idle")
        receiver.behave(stall(answer()))
        quick.write(lambda tx: crowd(tx, lane.queue_id, MOST_A_DESTINATION + 8))
        receiver.wait(2 * MOST_A_DESTINATION)
        with Receiver() as free, Lane(quick, endpoint=free.url) as apart:
            apart.send(1)
            apart.until("idle")
        assert len(receiver.requests) == 2 * MOST_A_DESTINATION
        receiver.release()
        receiver.wait(2 * MOST_A_DESTINATION + 8)
        assert receiver.busiest == MOST_A_DESTINATION
        quick.write(remove_crowd)


def test_thousands_of_queues_of_a_hanging_destination_leave_room_for_others(
    quick: House, receiver: Receiver, other: Receiver
) -> None:
    receiver.behave(stall())
    other.behave(NO, NO, NO, answer())
    with (
        Lane(quick, endpoint=receiver.url, timeoutSeconds=120) as hanging,
        Lane(quick, endpoint=other.url) as lane,
    ):
        hanging.send(1)
        receiver.wait(1)
        quick.write(lambda tx: crowd(tx, hanging.queue_id, 3000))
        lane.send(1)
        lane.until("idle")  # its retries are due behind three thousand others
        assert numbers(other) == [1, 1, 1, 1]
        assert len(receiver.requests) == 1
        quick.write(remove_crowd)
        receiver.release()


def test_stopping_lets_the_attempt_in_flight_end_and_begins_nothing_new(house: House, receiver: Receiver) -> None:
    receiver.behave(stall(answer()))
    lane = Lane(house, endpoint=receiver.url)
    first, second = lane.send(1, 2)
    receiver.wait(1)
    with stopping(house, 20) as end:
        lane.send(3)  # accepted still, and stored
        assert not end.done()
        receiver.release()
    assert (lane.state_of(first), lane.state_of(second)) == ("delivered", "pending")
    assert (numbers(receiver), lane.queue()["depth"]) == ([1], 2)


def test_an_attempt_that_outlasts_the_stop_is_left_queued(house: House, receiver: Receiver) -> None:
    receiver.behave(stall(answer()))
    lane = Lane(house, endpoint=receiver.url)
    [log_id] = lane.send(1)
    receiver.wait(1)
    house.run(house.waypost.engine.worker.stop(within_seconds=0.1))
    assert (lane.state_of(log_id), lane.attempts(log_id), lane.queue()["depth"]) == ("pending", [], 1)
    receiver.behave(answer())
    house.run(house.waypost.engine.worker.start())
    lane.until("idle")
    assert numbers(receiver) == [1, 1]


def test_starting_and_stopping_twice_is_harmless(house: House, receiver: Receiver) -> None:
    lane = Lane(house, endpoint=receiver.url)
    for _ in range(2):
        house.run(house.waypost.engine.worker.start())
        house.run(house.waypost.engine.worker.start())
        lane.send(1)
        lane.until("idle")
        house.run(house.waypost.engine.worker.stop())
        house.run(house.waypost.engine.worker.stop())
    assert numbers(receiver) == [1, 1]


def test_what_was_accepted_before_a_start_is_delivered_after_it(tmp_path: Path, receiver: Receiver) -> None:
    with House(tmp_path, deliver=False, allowed_networks=LOOPBACK) as before:
        lane = Lane(before, endpoint=receiver.url)
        lane.send(*range(5))
    with again(tmp_path, before.household) as after:
        lane.house = after
        lane.until("idle")
    assert numbers(receiver) == list(range(5))


def test_a_start_finds_what_was_changed_while_nobody_delivered(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behave(NO)
    with House(tmp_path, allowed_networks=LOOPBACK, retry_schedule=AN_HOUR) as before:
        lane, waits = Lane(before, endpoint=receiver.url), Lane(before, endpoint=receiver.url)
        for each in (lane, waits):
            each.send(1)
            each.until("held")
    with again(tmp_path, before.household, deliver=False) as between:
        lane.house = between
        lane.patch(name="x")
    receiver.behave(answer())
    with again(tmp_path, before.household) as after:
        lane.house = waits.house = after
        lane.until("idle")
        assert waits.queue()["state"] == "held"
    assert numbers(receiver) == [1, 1, 1]


def test_a_start_takes_the_queues_from_whoever_had_them(house: House, receiver: Receiver) -> None:
    receiver.behave(stall(answer()))
    lane = Lane(house, endpoint=receiver.url)
    first, second = lane.send(1, 2)
    receiver.wait(1)
    house.write(lambda tx: tx.exec_driver_sql("UPDATE shard SET epoch = epoch + 1, owner = 'another'") and None)
    receiver.release()
    until(lambda: not house.waypost.engine.worker.is_running(lane.queue_id))
    assert (lane.state_of(first), lane.state_of(second), lane.attempts(first)) == ("pending", "pending", [])


BROKEN = "ALTER TABLE attempt RENAME TO away"
MENDED = "ALTER TABLE away RENAME TO attempt"


def test_a_message_is_not_sent_again_while_the_store_cannot_record_it(quick: House, receiver: Receiver) -> None:
    with Lane(quick, endpoint=receiver.url) as lane:
        quick.write(lambda tx: tx.exec_driver_sql(BROKEN) and None)
        try:
            [log_id, _] = lane.send(1, 2)
            receiver.wait(1)
            with pytest.raises(AssertionError, match="1 of 2 requests"):
                receiver.wait(2, seconds=REST_SECONDS * 1.5)
            assert lane.state_of(log_id) == "pending"
        finally:
            quick.write(lambda tx: tx.exec_driver_sql(MENDED) and None)
        lane.until("idle")
        assert len(lane.attempts(log_id)) == 1
    assert numbers(receiver) == [1, 2]


def test_stopping_does_not_wait_for_a_store_that_is_away(house: House, receiver: Receiver) -> None:
    lane = Lane(house, endpoint=receiver.url)
    house.write(lambda tx: tx.exec_driver_sql(BROKEN) and None)
    lane.send(1)
    receiver.wait(1)
    house.run(house.waypost.engine.worker.stop(within_seconds=0.1))
    house.write(lambda tx: tx.exec_driver_sql(MENDED) and None)
    house.run(house.waypost.engine.worker.start())
    lane.until("idle")
    assert numbers(receiver) == [1, 1]
