"""What the log says of a queue: why it holds, once and when the reason changes; and that it moves again."""

import pytest

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.waiting import until


def test_a_hold_is_told_once_and_again_when_its_reason_changes(
    quick: House, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.behave(answer(500), answer(500), answer(401), answer(401), answer(200))
    said: list[str] = []

    def is_released() -> bool:
        said.extend(line for line in capfd.readouterr().out.splitlines() if lane.queue_id in line)
        return bool(said) and "queue.released" in said[-1]

    with Lane(quick, endpoint=receiver.url) as lane:
        lane.send(1, 2)
        until(is_released, "the queue's release in the log")
    expected = [
        ("queue.held", "500 Internal"),
        ("queue.held", "401 Unauthorized"),
        ("queue.released", "after_attempts"),
    ]
    assert [all(word in line for word in words) for line, words in zip(said, expected, strict=True)] == [True] * 3
