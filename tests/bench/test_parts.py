"""The parts of the bench run and give what they must; their figures are nobody's business here.

Tiny sizes, and one server for as many parts as can share it: what takes long is starting servers.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench import stores, wrk
from bench.__main__ import run
from bench.figure import Figure
from bench.pages import CALLS, shown
from bench.parts import PARTS, Part
from bench.processes import BenchFailed, Child
from bench.stage import Bench, Size, Stage, server
from bench.stores import Store
from tests.support import postgresql
from waypost.demo.progress import Steps

TINY = Size(
    rounds=1, queues=4, connections=4, accept_seconds=0.1, commits=50, batches=2, batch_lines=20, backlog=100,
    backlog_of_one=20, wrk_seconds=1, both_seconds=0.1, rate=100, pace_seconds=0.2, patches=10, patch_seconds=30,
    patch_backlog=400, isolated=4, isolation_seconds=0.3, scale_queues=40, scale_most=60, scale_few=20,
    scale_tail=2, scale_deep=200, scale_crowd=30,
    rest_seconds=0.1, recovery_backlog=200, growth_steps=4, growth_a_step=8, pages_queues=20,
    pages_logs=40, pages_calls=1, workers_backlog=100, wait_seconds=60,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OnOneStage(Bench):
    """A bench whose parts share one server, in an order in which none is in another's way."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        if not self.stages:
            raise BenchFailed("There is no stage.")
        self.stages[0].server.ask("rest")
        self.sink.ask("reset")
        yield self.stages[0]

    @contextmanager
    def fresh(self, **settings: str) -> Iterator[Child]:
        if settings:
            with self.place() as place, server(self.store, place, **settings) as made:
                yield made
        else:
            yield self.stages[0].server


@contextmanager
def one_stage(store: Store, place: Path) -> Iterator[OnOneStage]:
    with (
        Child("bench.load", log=place / "load.log") as load,
        Child("bench.sink", log=place / "sink.log") as sink,
    ):
        bench = OnOneStage(store, load, sink, TINY, Steps(Console(file=io.StringIO())))
        with bench.place() as found, server(store, found) as made:
            bench.stages.append(Stage(made, load, sink, TINY))
            yield bench


def named(*names: str) -> list[Part]:
    by_name = {part.name: part for part in PARTS}
    return [by_name[name] for name in names]


def in_order(figure: Figure) -> bool:
    return 0 < min(figure.rounds) <= figure.median <= max(figure.rounds)


def test_the_parts_on_sqlite_measure_what_they_say(tmp_path: Path) -> None:
    with stores.opened("sqlite", tmp_path) as store, one_stage(store, tmp_path) as bench:
        found = [
            figure
            for part in named(
                "growth", "deliver", "both", "latency", "patch", "isolation", "accept", "batch", "pages"
            )
            for figure in part.run(bench)
        ]
    measured = {(figure.name, figure.unit, str(figure.target or "")) for figure in found}
    assert measured - {("deliver over 4 queues, against wrk", "ratio", "")} == {
        ("accept, against an empty route", "ratio", "≥ 0.3"),
        ("accept, against raw group commits", "ratio", ""),
        ("accept in batches, against raw batched inserts", "ratio", "≥ 0.6"),
        ("deliver over 4 queues, against aiohttp", "ratio", "≥ 0.5"),
        ("deliver over one queue, against aiohttp one by one", "ratio", "≥ 0.25"),
        ("end to end: accepted while delivering, against an empty route", "ratio", ""),
        ("end to end: delivered while accepting, against aiohttp", "ratio", ""),
        ("accept to receipt, p50", "ms", "≤ 10"),
        ("accept to receipt, p99", "ms", "≤ 50"),
        ("PATCH while idle, p50", "ms", ""),
        ("PATCH while idle, p99", "ms", ""),
        ("PATCH while delivering, p50", "ms", ""),
        ("PATCH while delivering, p99", "ms", ""),
        ("PATCH while delivering, against idle, p50", "ratio", ""),
        ("PATCH while delivering, against idle, p99", "ratio", "≤ 3"),
        ("one hangs: request to receipt of the others, p99", "ratio", "≤ 1.2"),
        ("one hangs: request to receipt of the others, p50", "ratio", ""),
        ("store after another day, against the first day", "ratio", "≤ 1.2"),
        ("store for a message, against its bytes", "ratio", ""),
        *((call.name, "ms", "") for call in CALLS),
        *((name, "ms", "≤ 100") for name in shown()),
    }
    assert all(in_order(figure) for figure in found)
    absent = [] if wrk.is_there() else [wrk.ABSENT]
    assert bench.notes == absent


def test_a_page_has_every_figure_and_says_what_failed(tmp_path: Path) -> None:
    def broken(bench: Bench) -> list[Figure]:
        raise BenchFailed("The weather was bad.")

    console, page = Console(file=io.StringIO(), width=500), tmp_path / "performance" / "README.md"
    plan = [("sqlite", [Part("broken", broken), *named("scale", "recovery")])]
    assert not run(TINY, console, page, plan)  # type: ignore[arg-type]
    written = page.read_text()
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    for name in (
        "claim cost of a message, 40 queues against 20",
        "claim cost of a message, 60 queues against 20",
        "processor time of a delivery, many queues against few",
        "resident memory with many queues",
        "PATCH that wakes 30 held queues, against one that wakes none",
        "kill -9: until every queue moves again, one node",
        "start-up until ready",
    ):
        assert f"| {name} | " in printed
        assert f"| {name} | " in written
        assert f"- **{name}**: " in written
    assert "- Not measured: broken: The weather was bad." in written
    assert "targets are met." in written
    assert "](bench-sqlite-ratios.svg)" in written
    assert page.with_name("bench-sqlite-ratios.svg").read_text().startswith("<svg ")
    assert str(tmp_path) not in written


def test_the_parts_on_postgresql_measure_too_and_messages_are_held_until_they_are_let_go(tmp_path: Path) -> None:
    store = stores.on(postgresql.shared(), tmp_path)
    with one_stage(store, tmp_path) as bench:
        on = bench.stages[0]
        on.server.ask("hold")
        on.fill(8, 4)
        on.server.ask("deliver")
        on.server.ask("shared", workers=1)
        assert on.sink.ask("wait", count=8, seconds=0)["received"] == 0
        released = on.server.ask("release")
        assert on.wait(8) > released
        found = [figure for part in named("deliver", "accept", "batch") for figure in part.run(bench)]
    assert all(in_order(figure) for figure in found)
    assert len(found) == 5 + wrk.is_there()
