"""What the programs of the bench are asked on the command line, and how each ends."""

import argparse
import signal
from collections.abc import Callable, Iterable
from types import FrameType

from rich.console import Console

from bench.processes import BenchFailed
from servers.postgresql import ServerFailed
from waypost.demo.server import DemoFailed

FEWEST_ROUNDS = 5
"""With fewer no page is written."""


def parser(program: str, description: str, *, names: Iterable[str], full: str) -> argparse.ArgumentParser:
    """What all of them take; `full` says what is measured then."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--full", action="store_true", help=full)
    made.add_argument(
        "--only", action="append", choices=list(names), metavar="NAME",
        help=f"this alone, and no page is written; may be repeated: {', '.join(names)}",
    )  # fmt: skip
    made.add_argument(
        "--rounds", type=_rounds, metavar="N", help=f"with fewer than {FEWEST_ROUNDS} the page is not written"
    )
    return made


def ended(run: Callable[[Console], bool]) -> int:
    """Run it; the status of the process, 0 when every figure is there. SIGTERM stops it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    try:
        return 0 if run(console) else 1
    except (BenchFailed, DemoFailed, ServerFailed) as error:
        console.print(f"The bench could not go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def _rounds(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError("takes 1 or more")
    return int(given)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
