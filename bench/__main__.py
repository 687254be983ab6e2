"""`python -m bench [--full] [--only NAME] [--store KIND] [--rounds N]` measures, and writes `docs/performance`."""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import asking, report
from bench.asking import FEWEST_ROUNDS
from bench.machine import machine
from bench.parts import BOTH, PARTS, Part, measure
from bench.processes import ROOT
from bench.stage import FULL, Size
from bench.stores import StoreKind
from waypost.demo.progress import Steps

PAGE = ROOT / "docs" / "performance" / "README.md"
PLACE = Path("/var/tmp")  # noqa: S108 - a folder of our own in it; unlike /tmp it is never kept in memory

Plan = Sequence[tuple[StoreKind, Sequence[Part]]]
"""The stores in their order, with the parts to be measured on each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 when every figure is there."""
    asked = asking.parser(
        "bench", "Waypost's figures on this machine.",
        names=[part.name for part in PARTS], full="measure everything on both stores, more and longer",
    )  # fmt: skip
    asked.add_argument("--store", choices=BOTH, help="everything on this store alone, and no page is written")
    given = asked.parse_args(arguments)
    size = FULL if given.full else Size()
    size = dataclasses.replace(size, rounds=given.rounds or size.rounds)
    counts = size.rounds >= FEWEST_ROUNDS and not given.only and not given.store
    wanted = plan(given.full, given.only, given.store)
    return asking.ended(lambda console: run(size, console, PAGE if counts else None, wanted))


def plan(full: bool, only: Sequence[str] | None = None, store: StoreKind | None = None) -> Plan:
    """What is measured where. A part that is named is measured on SQLite if it can be, unless a store is named."""

    def here(part: Part, kind: StoreKind) -> bool:
        if only and part.name not in only:
            return False
        if store or full:
            return kind in part.stores
        return kind in (part.stores[:1] if only else part.brief)

    kinds = BOTH if store is None else (store,)
    planned = [(kind, [part for part in PARTS if here(part, kind)]) for kind in kinds]
    return [(kind, parts) for kind, parts in planned if parts]


def run(size: Size, console: Console, page: Path | None, plan: Plan) -> bool:
    """Measure, print the tables, and write the page if there is to be one; whether nothing failed."""
    began = time.monotonic()
    sections = []
    with tempfile.TemporaryDirectory(prefix="waypost-bench-", dir=PLACE if PLACE.is_dir() else None) as folder:
        found = machine(Path(folder))
        console.print("Waypost bench: other work on this machine shows in the figures", style="bold")
        for line in found.lines:
            console.print(f"  {line}", markup=False, style="dim", soft_wrap=True)
        for kind, parts in plan:
            console.print(f"On {kind}", style="bold")
            sections.append(measure(Path(folder, kind), size, kind, parts, Steps(console)))
    seconds = time.monotonic() - began
    for section in sections:
        console.print(f"\n{section.title}\n", style="bold")
        console.print(report.table(section.figures), markup=False, soft_wrap=True)
        for words in (*section.failed, *section.notes):
            console.print(f"Not measured: {words}", markup=False, soft_wrap=True)
    console.print(f"\n{report.summary(sections)} The run took {seconds / 60:.1f} minutes.", soft_wrap=True)
    if page is not None:
        report.write(page, report.head(size.rounds), sections, found, seconds)
        console.print(f"Written: {page}", markup=False, soft_wrap=True)
    return not any(section.failed for section in sections)


if __name__ == "__main__":
    sys.exit(main())
