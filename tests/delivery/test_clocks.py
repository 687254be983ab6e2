"""Clocks that jump, and nodes whose clocks differ: nothing waits for an hour, and order holds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer
from tests.support.stores import STORES
from tests.support.waiting import until
from waypost.clock import Clock
from waypost.delivery.due import DueClock

HOUR_MS = 3_600_000
A_SECOND = (1.0,)


class Set(Clock):
    """A clock that says what it is told, and what has really passed."""

    def __init__(self) -> None:
        self.wall = 5_000_000
        self.passed = 0.0

    def now_ms(self) -> int:
        return self.wall

    def run(self, seconds: float, *, step: int = 0) -> None:
        self.passed += seconds
        self.wall += round(seconds * 1000) + step


def test_a_clock_that_is_set_back_goes_on_for_due_times() -> None:
    clock = Set()
    due = DueClock(clock, elapsed=lambda: clock.passed)
    before = due.now_ms()
    clock.run(2, step=-HOUR_MS)
    assert due.now_ms() == before + 2000
    clock.run(3)
    assert due.now_ms() == before + 5000
    clock.run(1, step=HOUR_MS)  # and right again
    assert due.now_ms() == clock.wall == before + 6000


def test_a_clock_that_is_set_ahead_is_believed() -> None:
    clock = Set()
    due = DueClock(clock, elapsed=lambda: clock.passed)
    clock.run(1, step=HOUR_MS)
    assert due.now_ms() == clock.wall


def test_a_clock_that_runs_a_little_slow_is_no_jump() -> None:
    clock = Set()
    due = DueClock(clock, elapsed=lambda: clock.passed)
    for _ in range(10):
        clock.run(1, step=-1)
        assert due.now_ms() == clock.wall


def test_due_times_are_not_behind_the_database() -> None:
    clock = Set()
    due = DueClock(clock, elapsed=lambda: clock.passed)
    due.compare(clock.wall + HOUR_MS)
    assert due.now_ms() == clock.wall + HOUR_MS
    due.compare(clock.wall - HOUR_MS)
    assert due.now_ms() == clock.wall


def test_a_clock_that_is_put_right_is_no_longer_made_up_for() -> None:
    clock = Set()
    due = DueClock(clock, elapsed=lambda: clock.passed)
    due.compare(clock.wall + HOUR_MS)
    assert due.now_ms() == clock.wall + HOUR_MS
    clock.wall += HOUR_MS
    assert due.now_ms() == clock.wall


@pytest.fixture(params=STORES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house whose clock may be moved. Between two attempts is time to move it."""
    with House(tmp_path, on=request.param, allowed_networks=LOOPBACK, retry_schedule=A_SECOND) as made:
        yield made


def accept(house: House, lane: Lane, number: int = 0) -> None:
    """Send a message past the tokens, which go by the clock too."""
    environment = house.environments["Development"]
    house.run(house.waypost.engine.intake.accept(environment, json.dumps(lane.body(number)).encode()))


def tried(house: House) -> None:
    """Until one more attempt has been recorded: the next one is due a while after."""
    count = sa.text("SELECT count(*) FROM attempt")
    before = house.read(lambda tx: tx.scalar(count))
    until(lambda: house.read(lambda tx: tx.scalar(count)) != before, "another attempt")


def test_what_is_held_is_tried_though_the_clock_is_set_back(house: House, receiver: Receiver) -> None:
    receiver.behave(answer(503))
    with Lane(house, endpoint=receiver.url) as lane:
        try:
            accept(house, lane)
            for number, ahead_ms in enumerate([-HOUR_MS, HOUR_MS, -HOUR_MS, 0], start=1):
                tried(house)
                house.clock.ahead_ms = ahead_ms
                accept(house, lane, number)
            receiver.behave(answer(200))
            lane.until("idle")
            assert list(dict.fromkeys(numbers(receiver))) == [0, 1, 2, 3, 4]
        finally:
            house.clock.ahead_ms = 0


def test_what_a_wrong_clock_put_off_is_tried_soon_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behave(answer(503))
    with House(tmp_path, allowed_networks=LOOPBACK, retry_schedule=(3600,)) as before:
        lane = Lane(before, endpoint=receiver.url)
        lane.send(1)
        lane.until("held")
    came = len(receiver.requests)
    with House(tmp_path, keep=before.household, allowed_networks=LOOPBACK, retry_schedule=A_SECOND):
        receiver.wait(came + 1)
