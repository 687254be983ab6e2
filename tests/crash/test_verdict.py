"""What was acknowledged against what arrived."""

import io

import pytest
from rich.console import Console

from crash.__main__ import main, report
from crash.verdict import CampaignOutcome, QueueTally, lane

GOOD = QueueTally(accepted=10, delivered=10, lost=0, unasked=0, repeated=0, inverted=0)


@pytest.mark.parametrize(
    ("acknowledged", "taken", "lost", "unasked", "repeated", "inverted"),
    [
        ([0, 1, 2], [0, 1, 2], 0, 0, 0, 0),
        ([0, 1, 2], [0, 1, 1, 2], 0, 0, 1, 0),
        ([0, 1, 2], [0, 2], 1, 0, 0, 0),
        ([0, 1, 2], [0, 2, 1], 0, 0, 0, 1),
        ([0, 1, 2], [0, 1, 2, 1], 0, 0, 1, 1),  # a repeat behind a later message is out of order
        ([0, 1], [0, 1, 2], 0, 1, 0, 0),
        ([], [], 0, 0, 0, 0),
    ],
)
def test_a_lane_is_counted(
    acknowledged: list[int], taken: list[int], lost: int, unasked: int, repeated: int, inverted: int
) -> None:
    found = lane(acknowledged, taken)
    assert (found.lost, found.unasked, found.repeated, found.inverted) == (lost, unasked, repeated, inverted)
    assert (found.accepted, found.delivered) == (len(acknowledged), len(set(taken)))


def outcome(*lanes: QueueTally, faults: tuple[str, ...] = ()) -> CampaignOutcome:
    return CampaignOutcome(
        lanes=lanes, kills=2, planned=2, restarts=1, moving=(1.0,), accepting=(1.0,), seconds=9, faults=faults
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (outcome(GOOD), []),
        (outcome(GOOD, QueueTally(10, 10, 0, 0, 3, 0)), []),
        (outcome(GOOD, QueueTally(10, 10, 0, 0, 4, 0)), ["one queue repeats 4 times, at 3 deaths"]),
        (outcome(GOOD, QueueTally(10, 9, 1, 0, 0, 0)), ["1 messages acknowledged and lost"]),
        (outcome(GOOD, QueueTally(10, 10, 0, 0, 0, 2)), ["2 messages out of order"]),
        (outcome(QueueTally(10, 11, 0, 1, 0, 0)), ["1 messages delivered and never acknowledged"]),
        (outcome(GOOD, faults=("a node ended badly",)), ["a node ended badly"]),
    ],
)
def test_a_broken_promise_is_named_and_ends_with_1(found: CampaignOutcome, words: list[str]) -> None:
    console = Console(file=io.StringIO(), width=200)
    assert found.broken == words
    assert report(found, console) == (1 if words else 0)
    assert isinstance(console.file, io.StringIO)
    assert all(f"BROKEN: {word}" in console.file.getvalue() for word in words)


def test_no_kills_at_all_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--kills", "0"])
    assert "--kills takes 1 or more" in capsys.readouterr().err
