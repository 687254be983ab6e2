"""The benchmarks run, and say what they must; their figures are nobody's business here."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from bench import messages, report
from bench.__main__ import main, run
from bench.processes import BenchFailed, Child
from bench.stage import Size
from bench.stores import Kind
from tests.support.stores import STORES

TINY = Size(
    rounds=2, queues=4, connections=4, accept_seconds=0.1, commits=50, backlog=100, backlog_of_one=20, rate=100,
    pace_seconds=0.2, patches=10, patch_seconds=30, patch_backlog=600, isolated=4, isolation_seconds=0.3,
    scale_queues=40, scale_few=20, scale_tail=2, scale_deep=200, scale_crowd=30, wait_seconds=60,
)  # fmt: skip
FIGURES = [
    ("accept, against an empty route", "ratio"),
    ("accept, against raw group commits", "ratio"),
    ("deliver over 4 queues, against aiohttp", "ratio"),
    ("deliver over one queue, against aiohttp one by one", "ratio"),
    ("accept to receipt, p50", "ms"),
    ("accept to receipt, p99", "ms"),
    ("request to receipt, p50", "ms"),
    ("request to receipt, p99", "ms"),
    ("PATCH while idle, p50", "ms"),
    ("PATCH while idle, p99", "ms"),
    ("PATCH while delivering, p50", "ms"),
    ("PATCH while delivering, p99", "ms"),
    ("PATCH while delivering, against idle, p50", "ratio"),
    ("PATCH while delivering, against idle, p99", "ratio"),
    ("one hangs: request to receipt of the others, p99", "ratio"),
    ("one hangs: request to receipt of the others, p50", "ratio"),
    ("claim cost of a message, many queues against few", "ratio"),
    ("processor time of a delivery, many queues against few", "ratio"),
    ("resident memory with many queues", "MB"),
    ("PATCH that wakes 30 held queues, against one that wakes none", "ratio"),
]


def rows(markdown: str) -> list[list[str]]:
    """The cells of the table's rows, below its headings."""
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


@pytest.mark.parametrize("kind", STORES)
def test_every_figure_is_printed_and_written_with_its_least_median_and_greatest(
    tmp_path: Path, kind: Kind
) -> None:
    console = Console(file=io.StringIO(), width=500)
    run(TINY, console, tmp_path / "performance" / "README.md", kind)
    written = (tmp_path / "performance" / "README.md").read_text()
    table = rows(written)
    assert [(row[0], row[1]) for row in table] == FIGURES
    for row in table:
        median, least, greatest = (float(cell.replace(",", "")) for cell in row[2:5])
        assert 0 <= least <= median <= greatest
    assert isinstance(console.file, io.StringIO)
    assert rows(console.file.getvalue()) == table
    assert all(f"- **{name}**: " in written for name, _ in FIGURES)
    assert str(tmp_path) not in written


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


@pytest.mark.parametrize(("share", "found"), [(0.0, 1.0), (0.5, 5.0), (0.51, 6.0), (0.99, 10.0), (1.0, 10.0)])
def test_a_percentile_is_one_of_the_values(share: float, found: float) -> None:
    assert report.percentile([10.0, 1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0], share) == found


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
    assert report.short(value) == shown


def test_no_rounds_at_all_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--rounds", "0"])
    assert "--rounds takes 1 or more" in capsys.readouterr().err
