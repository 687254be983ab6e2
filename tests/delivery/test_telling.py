"""What the log says of a queue: why it holds, once and when the reason changes; and that it moves again."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.waiting import until


class Heard:
    """What the log said of one lane's queue."""

    def __init__(self, lane: Lane, capfd: pytest.CaptureFixture[str]) -> None:
        self.lines: list[str] = []
        self._lane = lane
        self._capfd = capfd

    def until(self, *words: str) -> None:
        """Wait for a line with these words in it."""

        def is_said() -> bool:
            self.read()
            return any(all(word in line for word in words) for line in self.lines)

        until(is_said, f"{' '.join(words)} in the log")

    def read(self) -> None:
        out = self._capfd.readouterr().out.splitlines()
        self.lines.extend(line for line in out if self._lane.queue_id in line)

    def held(self) -> int:
        """How many holds were told of by now."""
        self.read()
        return self.events.count("queue.held")

    @property
    def events(self) -> list[str]:
        return [word for line in self.lines for word in line.split() if word.startswith("queue.")]


Refused = tuple[Lane, Heard, list[str]]
"""A lane, what was heard of it, and the logs that wait in it."""


@pytest.fixture
def held(patient: House, receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> Iterator[Refused]:
    """A lane that its receiver refuses, and that would wait for an hour."""
    receiver.behave(answer(401))
    with Lane(patient, endpoint=receiver.url) as lane:
        heard = Heard(lane, capfd)
        log_ids = lane.send(1, 2)
        heard.until("queue.held", "401 Unauthorized")
        yield lane, heard, log_ids


def is_head(lane: Lane, log_id: str) -> bool:
    queue = lane.queue()
    return bool(queue["state"] == "held" and queue["head"]["logId"] == log_id)


def test_a_hold_is_told_once_and_again_when_its_reason_changes(
    quick: House, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.behave(answer(500), answer(500), answer(401), answer(401), answer(200))
    with Lane(quick, endpoint=receiver.url) as lane:
        heard = Heard(lane, capfd)
        lane.send(1, 2)
        heard.until("queue.released")
    expected = [("queue.held", "500 Internal"), ("queue.held", "401 Unauthorized"), ("queue.released", "4")]
    assert [all(word in line for word in words) for line, words in zip(heard.lines, expected, strict=True)] == [
        True, True, True,
    ]  # fmt: skip


def test_a_queue_that_a_change_sets_free_is_told_of(held: Refused, receiver: Receiver) -> None:
    lane, heard, _ = held
    receiver.behave(answer(200))
    lane.patch(verificationToken="the-right-one")
    heard.until("queue.released")
    assert heard.events == ["queue.held", "queue.released"]


def test_a_change_that_does_not_help_is_no_second_hold(held: Refused, receiver: Receiver) -> None:
    lane, heard, (first, _) = held
    lane.patch(name="Ward 7")
    until(lambda: len(lane.attempts(first)) == 2, "the attempt after the change")
    receiver.behave(answer(200))
    lane.act("retry")
    heard.until("queue.released")
    assert heard.events == ["queue.held", "queue.released"]


def test_a_queue_that_was_skipped_empty_is_told_of_when_it_holds_again(held: Refused) -> None:
    lane, heard, log_ids = held
    for log_id in log_ids:
        until(partial(is_head, lane, log_id), "the message at the head, held")
        skip = {"logId": log_id, "reason": "not ours"}
        assert lane.house.call("POST", f"/waypost/v1/queues/{lane.queue_id}/skip", skip).status == 200
    lane.until("idle")
    before = heard.held()
    lane.send(3)
    lane.until("held")
    until(lambda: heard.held() > before, "the next hold in the log")
    assert "queue.released" not in heard.events
