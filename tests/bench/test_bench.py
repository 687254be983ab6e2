"""What the bench is made of: its children, its rounds, its numbers and how they are shown."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from bench import messages, report
from bench.__main__ import main, plan
from bench.figure import Figure, at_least, at_most, percentile, short
from bench.interleaving import interleaved, rate, ratio
from bench.machine import Machine
from bench.parts import PARTS
from bench.picture import picture
from bench.processes import ROOT, BenchFailed, Child
from bench.report import Section
from waypost.demo.progress import Steps

QUIET = Steps(Console(quiet=True))


def a_figure(name: str, *rounds: float, **changed: object) -> Figure:
    given: dict[str, object] = {"unit": "ratio", "behind": "2/s against 1/s", "what": "how it is.", "target": None}
    return Figure(name=name, rounds=rounds, **(given | changed))  # type: ignore[arg-type]


def test_a_child_that_cannot_do_what_it_is_asked_says_why(tmp_path: Path) -> None:
    with (
        Child("bench.sink", log=tmp_path / "log") as sink,
        pytest.raises(BenchFailed, match=r"bench\.sink: dance"),
    ):
        sink.ask("dance")


def test_a_child_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="No module named"), Child("bench.nothing", log=tmp_path / "log"):
        pass


def test_a_message_has_its_size_and_its_number() -> None:
    message = messages.numbered("a" * 36, "b" * 36, 1234)
    assert (len(message), messages.number_of(b"POST / HTTP/1.1\r\n\r\n" + message)) == (2048, 1234)


def test_each_round_measures_everything_once_and_begins_with_another() -> None:
    asked: list[str] = []

    def measure(name: str, value: float) -> Mapping[str, float]:
        asked.append(name)
        return {name: value}

    measures = [lambda: measure("ours", 2.0), lambda: measure("theirs", 4.0)]
    rounds = interleaved("Words", measures, 2, QUIET, warm_up=True)
    assert rounds == [{"ours": 2.0, "theirs": 4.0}] * 2
    assert asked == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert ratio("ours against theirs", rounds, "ours", "theirs", "what").rounds == (0.5, 0.5)


@pytest.mark.parametrize("nothing", [0.0, -1.0, float("inf"), float("nan")])
def test_what_cannot_have_been_measured_is_refused_and_never_divided_by(nothing: float) -> None:
    rounds = [{"ours": 1.0, "theirs": nothing}]
    with pytest.raises(BenchFailed, match="`theirs` came out as"):
        ratio("name", rounds, "ours", "theirs", "what")
    with pytest.raises(BenchFailed, match="too little to measure"):
        ratio("name", rounds, "theirs", "ours", "what")
    with pytest.raises(BenchFailed):
        rate({"done": 1.0, "seconds": nothing})


@pytest.mark.parametrize(("share", "found"), [(0.0, 1.0), (0.5, 5.0), (0.51, 6.0), (0.99, 10.0), (1.0, 10.0)])
def test_a_percentile_is_one_of_the_values(share: float, found: float) -> None:
    assert percentile([10.0, 1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0], share) == found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"),
        (0.00123, "0.0012"),
        (0.3456, "0.346"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (98765.4, "98,765"),
    ],
)
def test_a_number_is_short(value: float, shown: str) -> None:
    assert short(value) == shown


@pytest.mark.parametrize(
    ("target", "rounds", "verdict"),
    [
        (at_least(0.5), (0.4, 0.5, 9.0), "≥ 0.5: met"),
        (at_least(0.5), (0.4, 0.49, 9.0), "≥ 0.5: not met"),
        (at_most(3), (1.0, 3.0, 9.0), "≤ 3: met"),
        (at_most(3), (1.0, 3.1, 9.0), "≤ 3: not met"),
        (None, (1.0,), ""),
    ],
)
def test_a_target_goes_by_the_median(target: object, rounds: tuple[float, ...], verdict: str) -> None:
    assert a_figure("name", *rounds, target=target).verdict == verdict


def test_a_page_says_how_many_targets_are_met_and_which_are_not(tmp_path: Path) -> None:
    section = Section(
        "SQLite",
        (
            a_figure("good", 2.0, target=at_least(1)),
            a_figure("bad & ugly", 2.0, target=at_most(1)),
            a_figure("slow", 3.0, unit="ms"),
        ),
        notes=("somebody: is not there",),
    )
    (tmp_path / "bench-older-times.svg").touch()
    (tmp_path / "peers-ratios.svg").touch()
    report.write(tmp_path / "README.md", report.head(5), [section], Machine(("a machine",)), 90)
    written = (tmp_path / "README.md").read_text()
    assert "1 of 2 targets are met. Not met: bad & ugly. The run took 1.5 minutes." in written
    assert "| bad & ugly | ratio | 2.00 | 2.00 | 2.00 | ≤ 1: **not met** | 2/s against 1/s |" in written
    assert "- Not measured: somebody: is not there" in written
    pictures = {"bench-sqlite-ratios.svg", "bench-sqlite-times.svg"}
    assert {path.name for path in tmp_path.glob("*.svg")} == pictures | {"peers-ratios.svg"}


def test_a_picture_shows_every_figure_with_its_target_in_light_and_dark() -> None:
    drawn = picture([a_figure("a < b", 0.5, 1.0, 2.0, target=at_least(1)), a_figure("alone", 7.0)], "Title")
    assert "a &lt; b" in drawn
    assert "1.00  (≥ 1: met)" in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert drawn.count('<circle class="met"') == drawn.count('<circle class="none"') == 1


def test_every_part_is_measured_by_default_and_on_all_its_stores_when_asked() -> None:
    def names(found: object) -> dict[str, list[str]]:
        return {kind: [part.name for part in parts] for kind, parts in found}  # type: ignore[attr-defined]

    every = [part.name for part in PARTS]
    brief, full = names(plan(full=False)), names(plan(full=True))
    assert {*brief["sqlite"], *brief["postgresql"]} == set(every)
    assert full == {"sqlite": [name for name in every if name != "workers"], "postgresql": every}
    assert names(plan(False, ["accept", "workers"])) == {"sqlite": ["accept"], "postgresql": ["workers"]}
    assert names(plan(False, ["accept"], "postgresql")) == {"postgresql": ["accept"]}


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--only", "nothing"]])
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["prism", "peers"])
def test_what_runs_on_node_is_pinned_and_names_no_registry(folder: str) -> None:
    lock = json.loads((ROOT / "bench" / folder / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "bench" / folder / "package.json").read_text())["dependencies"]
    found = {name: lock["packages"][f"node_modules/{name}"] for name in wanted}
    assert {name: package["version"] for name, package in found.items()} == wanted
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all(package["integrity"] for package in found.values())
