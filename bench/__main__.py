"""`python -m bench [--full] [--rounds N] [--store KIND]`: measures, and writes `docs/performance/README.md`."""

import argparse
import dataclasses
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from bench import report, rounds
from bench.processes import ROOT, BenchFailed
from bench.stage import FULL, Size
from bench.stores import Kind
from waypost.demo.progress import Progress
from waypost.demo.server import DemoFailed

PAGE = ROOT / "docs" / "performance" / "README.md"
FEWEST_ROUNDS = 5
PLACE = Path("/var/tmp")  # noqa: S108 - a folder of our own in it; unlike /tmp it is never kept in memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 when every figure is there."""
    parser = argparse.ArgumentParser(prog="bench", description="Waypost's figures on this machine.")
    parser.add_argument("--full", action="store_true", help="measure more, for longer")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"with fewer than {FEWEST_ROUNDS} the page is not written"
    )
    parser.add_argument(
        "--store", choices=("sqlite", "postgresql"), default="sqlite", help="the page is written for sqlite only"
    )
    given = parser.parse_args(arguments)
    size = FULL if given.full else Size()
    if given.rounds is not None:
        if given.rounds < 1:
            parser.error("--rounds takes 1 or more")
        size = dataclasses.replace(size, rounds=given.rounds)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    try:
        counts = size.rounds >= FEWEST_ROUNDS and given.store == "sqlite"
        run(size, console, PAGE if counts else None, given.store)
    except (BenchFailed, DemoFailed) as error:
        console.print(f"The bench could not go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 0


def run(size: Size, console: Console, page: Path | None, kind: Kind = "sqlite") -> None:
    """Measure, print the table, and write the page if there is to be one. Raises BenchFailed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="waypost-bench-", dir=PLACE if PLACE.is_dir() else None) as folder:
        machine = report.machine(Path(folder))
        console.print(f"Waypost bench on {kind}: other work on this machine shows in the figures", style="bold")
        for line in machine.lines:
            console.print(f"  {line}", markup=False, style="dim", soft_wrap=True)
        figures = rounds.measure(Path(folder), size, kind, Progress(console))
    console.print()
    console.print(report.table(figures), markup=False, soft_wrap=True)
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(report.page(figures, machine, time.monotonic() - began))
        console.print(f"\nWritten: {page}", markup=False, soft_wrap=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
