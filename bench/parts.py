"""The parts of the bench in their order, and the run of them on one store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.accepting import accept, batch
from bench.delivering import both, deliver, latency
from bench.figure import Figure
from bench.growth import growth
from bench.isolation import isolation
from bench.pages import pages
from bench.patching import against_prism, patch
from bench.processes import BenchFailed, Child
from bench.recovery import recovery
from bench.report import Section
from bench.scale import scale
from bench.stage import Bench, Size
from bench.stores import StoreKind, opened
from bench.workers import workers
from waypost.demo.progress import Steps

TITLES: dict[StoreKind, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BOTH: tuple[StoreKind, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Part:
    """What `--only` names. `brief` are the stores that it is run on when nobody asks for more."""

    name: str
    run: Callable[[Bench], list[Figure]]
    stores: tuple[StoreKind, ...] = BOTH
    brief: tuple[StoreKind, ...] = ("sqlite",)


PARTS = (
    Part("accept", accept, brief=BOTH),
    Part("batch", batch),
    Part("deliver", deliver),
    Part("both", both),
    Part("latency", latency),
    Part("patch", patch),
    Part("prism", against_prism),
    Part("isolation", isolation),
    Part("scale", scale),
    Part("recovery", recovery),
    Part("growth", growth),
    Part("pages", pages),
    Part("workers", workers, stores=("postgresql",), brief=("postgresql",)),
)


def measure(folder: Path, size: Size, kind: StoreKind, parts: Sequence[Part], progress: Steps) -> Section:
    """Every figure of these parts on that store. A part that fails says why, and the others go on."""
    folder.mkdir()
    figures: list[Figure] = []
    with (
        opened(kind, folder) as store,
        Child("bench.load", log=folder / "load.log") as load,
        Child("bench.sink", log=folder / "sink.log") as sink,
    ):
        bench = Bench(store, load, sink, size, progress)
        for part in parts:
            try:
                figures += part.run(bench)
            except BenchFailed as error:
                bench.fail(part.name, str(error))
        return Section(TITLES[kind], tuple(figures), tuple(bench.notes), tuple(bench.failed))
