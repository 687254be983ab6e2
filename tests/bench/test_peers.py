"""The race with the peers: how it is run and told. The peers themselves are not installed for it."""

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from bench import stores
from bench.interleaving import Round
from bench.peers import __main__ as peers
from bench.peers import race
from bench.peers.contestant import Peer, Size, accounted
from bench.peers.field import NAMES, Field
from bench.peers.ours import Ours
from bench.peers.race import Race
from bench.processes import BenchFailed, Child
from waypost.demo.progress import Steps

TINY = Size(
    rounds=2, count=30, rate=50, pace_seconds=0.2, kill_count=12, kill_delay=0.02, patience_seconds=60,
    wait_seconds=60,
)  # fmt: skip
PROGRAM = (sys.executable, "-m", "tests.bench.peer_program")


def quiet() -> Steps:
    return Steps(Console(file=io.StringIO()))


@dataclass
class Stub:
    """A contestant that delivers so many messages a second, each time it is asked; none is a failure."""

    name: str
    speeds: list[float]
    about: str = "made up"
    asked: list[str] = field(default_factory=list)

    def open(self, stack: ExitStack) -> None: ...

    def carried(self) -> Round:
        if not self.speeds:
            raise BenchFailed("It fell over.")
        return {"delivered": self.speeds.pop(0), "accepted": 1.0}

    def paced(self) -> Round:
        return {"p50": 1.0, "p99": 2.0}

    def killed(self) -> Round:
        return accounted({"moves": 1.0, "last": 2.0, "missing": 3, "repeated": 0}, left=2)


@contextmanager
def a_peer(place: Path) -> Iterator[Peer]:
    (place / "store").mkdir()
    with ExitStack() as stack, Child("bench.sink", log=place / "sink.log") as sink:
        made = Peer(
            "Peer", "made up", producer=(*PROGRAM, "produce"), worker=(*PROGRAM, "work"),
            store=str(place / "store"), sink=sink, size=TINY, folder=place,
        )  # fmt: skip
        made.open(stack)
        yield made


def test_a_peer_is_timed_and_killed_by_its_producer_and_its_worker(tmp_path: Path) -> None:
    with a_peer(tmp_path) as peer:
        carried, paced, killed = peer.carried(), peer.paced(), peer.killed()
    assert carried["accepted"] > 0
    assert carried["delivered"] > 0
    assert 0 < paced["p50"] <= paced["p99"]
    assert 1 <= killed["moves"] <= killed["last"] < TINY.patience_seconds
    assert (killed["missing"], killed["stranded"], killed["lost"]) == (0, 0, 0)
    assert killed["repeated"] <= 1


def test_waypost_is_in_the_race_by_the_same_measures(tmp_path: Path) -> None:
    with (
        stores.opened("sqlite", tmp_path) as store,
        ExitStack() as stack,
        Child("bench.load", log=tmp_path / "load.log") as load,
        Child("bench.sink", log=tmp_path / "sink.log") as sink,
    ):
        ours = Ours("Waypost on SQLite", store, load, sink, TINY, queues=2)
        ours.open(stack)
        assert min(ours.carried().values()) > 0
        assert ours.paced()["p50"] > 0
        stack.close()


def test_who_fails_drops_out_and_the_others_go_on() -> None:
    stubs = [
        Stub("Waypost on SQLite", [9, 10, 20]),
        Stub("BullMQ, one", [9, 5]),
        Stub("Celery, prefork", [9, 1, 2]),
    ]
    running = Race(stubs, TINY, quiet())
    found = running.run("Carry", lambda one: one.carried(), warm_up=True)
    assert running.failed == ["BullMQ, one, carry: It fell over."]
    assert {name: [one["delivered"] for one in rounds] for name, rounds in found.items()} == {
        "Waypost on SQLite": [10, 20],
        "Celery, prefork": [1, 2],
    }
    assert running.run("Latency", lambda one: one.paced(), warm_up=False).keys() == found.keys()


def test_ours_is_held_against_each_and_against_the_best_of_their_settings() -> None:
    found: race.Rounds = {
        "Waypost on SQLite": [{"delivered": 10.0}, {"delivered": 20.0}],
        "BullMQ, appendfsync always": [{"delivered": 5.0}, {"delivered": 20.0}],
        "BullMQ, appendfsync everysec": [{"delivered": 10.0}, {"delivered": 10.0}],
        "procrastinate": [{"delivered": 2.0}, {"delivered": 2.0}],
    }
    figures = {each.name: each for each in race.ratios(found, "delivered", "delivered", "what", targets=True)}
    assert {name: (each.rounds, each.verdict) for name, each in figures.items()} == {
        "delivered: Waypost on SQLite against BullMQ, appendfsync always": ((2.0, 1.0), ""),
        "delivered: Waypost on SQLite against BullMQ, appendfsync everysec": ((1.0, 2.0), ""),
        "delivered: Waypost on SQLite against procrastinate": ((5.0, 10.0), "≥ 8: not met"),
        "delivered: Waypost on SQLite against BullMQ's best": ((1.0, 1.0), "≥ 1: met"),
    }


@pytest.mark.parametrize(("left", "stranded", "lost"), [(0, 0, 5), (3, 3, 2), (9, 5, 0)])
def test_what_is_missing_is_lost_unless_the_store_still_has_it(left: int, stranded: int, lost: int) -> None:
    assert accounted({"missing": 5}, left) == {"missing": 5, "stranded": stranded, "lost": lost}


def test_the_page_names_the_settings_and_who_was_not_there(tmp_path: Path) -> None:
    def entered(_: Field, name: str) -> Iterator[Stub]:
        if name == "celery":
            raise BenchFailed("it is not installed")
        yield Stub("Waypost on SQLite", [9, 10, 20])
        yield Stub("procrastinate", [9, 1, 2])

    console, page = Console(file=io.StringIO(), width=300), tmp_path / "peers.md"
    assert not peers.run(TINY, console, page, ["waypost-sqlite", "celery"], entered=entered)
    written = page.read_text()
    for words in (
        "- **procrastinate**: made up.",
        "- Not measured: celery: it is not installed",
        "| delivered: Waypost on SQLite against procrastinate | ratio | 10.0 | 10.0 | 10.0 | ≥ 8: met |",
        "| stranded: procrastinate | messages | 2.00 | 2.00 | 2.00 |",
        "](peers-throughput-ratios.svg)",
    ):
        assert words in written


def test_a_peer_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        peers.main(["--only", "sidekiq"])
    assert all(name in capsys.readouterr().err for name in NAMES[:1])
