"""A trial in short: a real node whose exchanges with its receivers are torn half-way, and what is said of it."""

from pathlib import Path

import pytest
from rich.console import Console

from crash.load import Form
from crash.verdict import QueueTally
from torture import faults, page, trial
from torture.network import faults as of_the_network
from torture.results import Result, keep
from torture.trial import Size, TrialResult

MIXED = Form(lanes=8, ahead=60, batch=20, calm_seconds=0.2)
"""Two of the lanes send one by one."""
GOOD = QueueTally(accepted=10, delivered=10, lost=0, unasked=0, repeated=0, inverted=0)


def test_nothing_is_lost_while_exchanges_are_torn(tmp_path: Path) -> None:
    [torn] = [each for each in of_the_network() if each.name == "exchanges torn half-way"]
    told: list[str] = []
    found = trial.run(torn, Size(messages=50, seconds=1, seed=1, form=MIXED), tmp_path, told.append)
    assert found.broken == []
    assert (found.rounds, len(told)) == (1, 1)
    assert found.sum("accepted") == found.sum("delivered") >= 50
    assert found.recovered[0] < 30


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (TrialResult("f", "sqlite", lanes=(GOOD,)), []),
        (TrialResult("f", "sqlite", lanes=(QueueTally(10, 9, 1, 0, 0, 0),)), ["1 messages acknowledged and lost"]),
        (TrialResult("f", "sqlite", lanes=(QueueTally(10, 10, 0, 0, 0, 2), GOOD)), ["2 messages out of order"]),
        (
            TrialResult("f", "sqlite", lanes=(QueueTally(10, 11, 0, 1, 0, 0),)),
            ["1 messages delivered and never acknowledged"],
        ),
        (
            TrialResult("f", "sqlite", lanes=(QueueTally(10, 10, 0, 0, 3, 0),), repeats=2),
            ["one queue repeats 3 times, where 2 can be explained"],
        ),
        (TrialResult("f", "sqlite", lanes=(QueueTally(10, 10, 0, 0, 2, 0),), repeats=2), []),
        (TrialResult("f", "sqlite", lanes=(QueueTally(10, 10, 0, 0, 2, 0),) * 2, repeats=4, together=4), []),
        (
            TrialResult("f", "sqlite", lanes=(QueueTally(10, 10, 0, 0, 2, 0),) * 2, repeats=4, together=3),
            ["4 repeats, where 3 can be explained"],
        ),
        (TrialResult("f", "sqlite", faults=("a node ended badly",)), ["a node ended badly"]),
        (TrialResult("f", "sqlite", skipped="only root can"), []),
    ],
)
def test_a_broken_promise_is_named(found: TrialResult, words: list[str]) -> None:
    assert found.broken == words


def test_every_fault_has_a_line_and_what_was_skipped_says_why() -> None:
    done = TrialResult(
        "cut", "sqlite", rounds=2, lanes=(GOOD, GOOD), recovered=(0.5, 1.5), usual=(0.2,), repeats=2
    )
    shown = page.table([done, TrialResult("full", "postgresql", skipped="only root can")]).splitlines()
    assert shown[2] == "| cut | sqlite | 2 | 20 | 20 | 0 | 0 | 0 | 0 (≤ 2) | 1.0 / 1.5 s | 0.2 s |"
    assert shown[3].startswith("| full | postgresql | skipped: only root can |")
    assert len({line.count("|") for line in shown}) == 1


def test_each_command_writes_its_own_section(tmp_path: Path) -> None:
    there = tmp_path / "faults.md"
    for section, text in (("one", "first"), ("two", "second"), ("one", "third")):
        page.write(section, text, there)
    written = there.read_text()
    assert [word for word in ("first", "second", "third") if word in written] == ["second", "third"]
    assert written.index("third") < written.index("second")


def test_what_is_run_again_takes_its_own_place_and_leaves_the_others(tmp_path: Path) -> None:
    kept = tmp_path / "faults.json"

    def run(name: str, rounds: int) -> list[Result]:
        found = TrialResult(name, "sqlite", rounds=rounds, lanes=(GOOD,), recovered=(0.5,))
        return keep({name: Result(found, f"2026-11-26 11:0{rounds}", "light load")}, ["cut", "full"], kept)

    run("full", 1)
    run("cut", 2)
    page.write_faults(run("full", 3), tmp_path)
    written = (tmp_path / "faults.md").read_text()
    assert "2 faults, 5 rounds, 20 messages accepted" in written
    assert "- light load: cut (sqlite) 11:02, full (sqlite) 11:03." in written


def test_a_fault_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        faults.main(["network/no such thing"], Console())
    assert "there is no such fault" in capsys.readouterr().err
    assert {
        "kills/sqlite",
        "failover/fail-over to a synchronous standby",
        "clock/clock ±1 h",
    } <= faults.table().keys()
