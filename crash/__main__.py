"""`python -m crash --kills N --store sqlite|postgresql`: kills, restarts, counts, and prints the table."""

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from bench.processes import BenchFailed
from crash.campaign import Size, run
from crash.verdict import CampaignOutcome
from servers.postgresql import ServerFailed

PLACE = Path("/var/tmp")  # noqa: S108 - a folder of our own in it; unlike /tmp it is never kept in memory
SECONDS = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(
        prog="crash", description="Kills nodes under load and counts what was promised."
    )
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="so many SIGKILLs (20)")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite", help="the store (sqlite)")
    parser.add_argument("--seed", type=int, metavar="N", help="kills the same nodes in the same order; else drawn")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="N",
        help=f"begins no burst of kills after so long ({SECONDS})",
    )
    given = parser.parse_args(arguments)
    if given.kills < 1:
        parser.error("--kills takes 1 or more")
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Waypost crash campaign: {given.kills} kills on {given.store}, seed {seed}", style="bold")
    try:
        outcome = _run(Size(given.store, given.kills, seed, given.seconds), console)
    except (BenchFailed, ServerFailed, AssertionError) as error:
        console.print(f"The campaign could not go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return report(outcome, console)


def report(outcome: CampaignOutcome, console: Console) -> int:
    """Print the table and what was broken; 1 if anything was."""
    console.print()
    for name, value in outcome.rows():
        console.print(f"  {name:<42}{value:>24}", markup=False)
    console.print()
    for words in outcome.broken:
        console.print(f"BROKEN: {words}", markup=False, style="red")
    if not outcome.broken:
        console.print("Nothing acknowledged was lost, nothing came out of order, repeats are within their bound.")
    return 1 if outcome.broken else 0


def _run(size: Size, console: Console) -> CampaignOutcome:
    def say(words: str) -> None:
        console.print(f"  {words}", markup=False, style="dim")

    with tempfile.TemporaryDirectory(prefix="waypost-crash-", dir=PLACE if PLACE.is_dir() else None) as folder:
        return run(size, Path(folder), say)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
