"""`python -m torture soak --minutes 30`: full load with retention on; nothing may grow once it is warm.

Memory, file descriptors, rows and bytes on disk are looked at again and again. The disk that it needs is bounded:
what was delivered is kept for a minute.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from rich.console import Console
from tests.support.waypost import Server

from bench.figure import Figure, at_most
from crash.load import Form, Load, load
from crash.stage import NodeFailed, Stage
from servers.postgresql import Postgresql, awaited
from torture import nodes, page
from torture.curves import Curve, curves
from torture.faults import PLACE
from torture.vitals import descriptors, memory_mb

FORM = Form(lanes=32)
KEPT_SECONDS = 60
RETENTION = {"WAYPOST_RETENTION_DAYS": f"{KEPT_SECONDS / 86_400:.6f}"}
TABLES = ("message", "log", "entry", "attempt", "queue_head", "queue_tail", "audit_event")
KEPT_A_DAY = "idempotency_key"
"""The senders' keys, one for each message: a day is their term, so that they are counted by themselves."""
COUNTED = (*TABLES, KEPT_A_DAY)
LEAST_MINUTES = 5
"""Rows are level only once retention has passed a few times."""
WARM = 1 / 2
"""Of the time, before which nothing is compared."""
LOOKS = 60
MOST_MEMORY = 1.05
MOST_ROWS = 1.25
"""Rows go up and down with the passes of retention."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stand at a moment: of all nodes together."""

    at: float
    memory_mb: float
    descriptors: int
    rows: dict[str, int]
    keys: int
    disk_mb: float
    delivered: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it."""

    store: str
    samples: tuple[Sample, ...]
    faults: tuple[str, ...]
    accepted: int
    seconds: float

    def growth(self, of: Callable[[Sample], float]) -> float:
        """The end against what came once it was warm: medians of a quarter of the samples each."""
        warm = [of(each) for each in self.samples if each.at >= self.seconds * WARM] or [1.0]
        quarter = max(1, len(warm) // 4)
        return statistics.median(warm[-quarter:]) / max(statistics.median(warm[:quarter]), 1e-9)

    def peak(self, of: Callable[[Sample], float]) -> float:
        """The most in the end, as long as for `growth`, against the most before: for what follows the load."""
        values = [of(each) for each in self.samples]
        quarter = max(1, sum(each.at >= self.seconds * WARM for each in self.samples) // 4)
        return max(values[-quarter:], default=1.0) / max([*values[:-quarter], 1.0])

    def figures(self) -> list[Figure]:
        """Ratios of the end against the beginning, with what they should be."""
        return [
            Figure("memory", "ratio", (self.growth(_memory),), "", "", at_most(MOST_MEMORY)),
            Figure("file descriptors, the most", "ratio", (self.peak(_descriptors),), "", "", at_most(1)),
            Figure("rows, but for the senders' keys", "ratio", (self.growth(_rows),), "", "", at_most(MOST_ROWS)),
            Figure("bytes on disk", "ratio", (self.growth(lambda each: each.disk_mb),), "", ""),
        ]

    @property
    def broken(self) -> list[str]:
        """What grew that should not, and what else went wrong."""
        grown = [f"{each.name} grew by {each.median - 1:.1%}" for each in self.figures() if each.is_met is False]
        return [*grown, *self.faults]


def main(arguments: Sequence[str], console: Console) -> int:
    """Soak, print, and with `--page` write the section; 0 when nothing grew."""
    parser = argparse.ArgumentParser(prog="torture soak", description="Full load with retention on: does it grow?")
    parser.add_argument(
        "--minutes", type=float, default=LEAST_MINUTES, metavar="N", help=f"so long ({LEAST_MINUTES})"
    )
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="the store (sqlite)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the receiver's moods (1)")
    parser.add_argument("--page", action="store_true", help="write its part of docs/reliability/faults.md")
    given = parser.parse_args(arguments)
    if given.minutes < LEAST_MINUTES:
        parser.error(f"--minutes takes {LEAST_MINUTES} or more: nothing is level before")
    console.print(f"Waypost soak: {given.minutes:g} minutes on {given.store}", style="bold")
    with tempfile.TemporaryDirectory(
        prefix="waypost-soak-", dir=PLACE if PLACE.is_dir() else None, ignore_cleanup_errors=True
    ) as folder:
        found = soak(given.store, given.minutes * 60, given.seed, Path(folder), console.print)
    console.print(table(found), markup=False)
    for words in found.broken:
        console.print(f"BROKEN: {words}", markup=False, style="red")
    if given.page:
        write(found)
    return 1 if found.broken else 0


def soak(store: str, seconds: float, seed: int, place: Path, say: Callable[[str], object]) -> Soaked:
    """Full load for so long, in an empty folder."""
    with ExitStack() as stack:
        if store == "sqlite":
            stage, database = nodes.one(place, stack, RETENTION), None
        else:
            database = nodes.database(place, stack)
            urls, settings = [database.url("postgres")] * len(nodes.ROLES), range(len(nodes.ROLES))
            stage = nodes.several(place, stack, urls, dict.fromkeys(settings, RETENTION))
        under = stack.enter_context(load(stage, place, FORM, seed))
        return _soaked(store, stage, database, under, seconds, say)


def _soaked(
    store: str,
    stage: Stage,
    database: Postgresql | None,
    under: Load,
    seconds: float,
    say: Callable[[str], object],
) -> Soaked:
    began, samples, faults = time.monotonic(), [], []
    try:
        under.peace()
        while (at := time.monotonic() - began) < seconds:
            samples.append(_sample(at, stage, database, under))
            say(_words(samples[-1]))
            under.wait(seconds / LOOKS)
        faults += under.drain()
    except (NodeFailed, TimeoutError) as error:
        faults.append(str(error))
    lanes = under.traffic.lanes()
    counted = {name: sum(getattr(each, name) for each in lanes) for name in ("lost", "repeated", "inverted")}
    faults += [f"{count} messages {name}" for name, count in counted.items() if count]
    return Soaked(store, tuple(samples), tuple(faults), sum(each.accepted for each in lanes), seconds)


def table(found: Soaked) -> str:
    """The growth, in Markdown."""
    first = next((each for each in found.samples if each.at >= found.seconds * WARM), found.samples[0])
    last = found.samples[-1]
    plain = [
        f"{first.memory_mb:.0f} → {last.memory_mb:.0f} MB",
        f"{first.descriptors} → {last.descriptors}, at most {max(each.descriptors for each in found.samples)}",
        f"{sum(first.rows.values()):,} → {sum(last.rows.values()):,}",
        f"{first.disk_mb:.0f} → {last.disk_mb:.0f} MB",
    ]
    lines = ["| what | end against warm | target | first warm sample → last |", "|---|---:|---:|---:|"]
    for figure, words in zip(found.figures(), plain, strict=True):
        lines.append(f"| {figure.name} | {figure.median:.3f} | {figure.target or '–'} | {words} |")
    lines.append(f"| senders' idempotency keys, kept for a day | – | – | {first.keys:,} → {last.keys:,} |")
    return "\n".join(lines)


def write(found: Soaked) -> None:
    """Its section of the page, with a picture."""
    name = f"soak-{found.store}.svg"
    page.PLACE.joinpath(name).write_text(curves(f"Soak on {found.store}", _curves(found)))
    words = (
        f"{found.seconds / 60:.0f} minutes on {found.store}, {found.accepted:,} messages accepted, ended logs kept"
        f" for {KEPT_SECONDS} s; {page.where()}."
    )
    wrong = [f"**Broken**: {each}" for each in found.broken]
    parts = [
        f"## Soak on {found.store}",
        words,
        table(found),
        f"![Memory, descriptors, rows, disk]({name})",
        *wrong,
    ]
    page.write(f"soak {found.store}", "\n\n".join(parts))


def _curves(found: Soaked) -> list[Curve]:
    of: dict[str, Callable[[Sample], float]] = {
        "memory, MB": _memory,
        "file descriptors": _descriptors,
        "rows": _rows,
        "disk, MB": lambda each: each.disk_mb,
    }
    return [Curve(name, [(each.at / 60, value(each)) for each in found.samples]) for name, value in of.items()]


def _sample(at: float, stage: Stage, database: Postgresql | None, under: Load) -> Sample:
    rows = _rows_of_sqlite(stage.servers[0]) if database is None else awaited(_rows_of(database))
    keys = rows.pop(KEPT_A_DAY)
    folders = [server.data for server in stage.servers] if database is None else [database.place]
    return Sample(
        at,
        sum(memory_mb(server.pid) for server in stage.servers),
        sum(descriptors(server.pid) for server in stage.servers),
        rows,
        keys,
        sum(_size_mb(folder) for folder in folders),
        sum(under.traffic.counts()[1]),
    )


def _rows_of_sqlite(server: Server) -> dict[str, int]:
    """Read-only: it neither writes nor checkpoints."""
    with closing(
        sqlite3.connect(f"file:{server.data / 'waypost.sqlite3'}?mode=ro", uri=True, timeout=10)
    ) as store:
        return {name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in COUNTED}  # noqa: S608


async def _rows_of(database: Postgresql) -> dict[str, int]:
    connection = await asyncpg.connect(database.url("postgres"))
    try:
        return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in COUNTED}  # noqa: S608
    finally:
        await connection.close()


def _size_mb(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile
            total += path.lstat().st_size
    return total / 1e6


def _words(sample: Sample) -> str:
    return (
        f"  {sample.at:>6.0f} s: {sample.memory_mb:.0f} MB, {sample.descriptors} descriptors,"
        f" {sum(sample.rows.values()):,} rows, {sample.disk_mb:.0f} MB on disk, {sample.delivered:,} delivered"
    )


def _memory(sample: Sample) -> float:
    return sample.memory_mb


def _descriptors(sample: Sample) -> float:
    return float(sample.descriptors)


def _rows(sample: Sample) -> float:
    return float(sum(sample.rows.values()))
