"""`python -m torture PART …`: one part of the torture after the other, each with its own arguments."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

import structlog
from rich.console import Console

from torture import faults, hostile, soak

Part = Callable[[Sequence[str], Console], int]

PARTS: Mapping[str, Part] = {"faults": faults.main, "hostile": hostile.main, "soak": soak.main}
"""What there is; a part takes its arguments and gives the exit status."""

WORDS = {
    "faults": "kills, fail-over, a network that fails, full disks, clocks that jump, bad receivers: under load",
    "hostile": "requests of every kind, cases by the ten thousand",
    "soak": "full load for long, and whether anything grows",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the part that is named first."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="torture", description="What Waypost must survive, at length.")
    parser.add_argument("part", choices=PARTS, help="; ".join(f"{name}: {words}" for name, words in WORDS.items()))
    part = parser.parse_args(given[:1]).part
    console = Console(highlight=False, soft_wrap=True)
    try:
        return PARTS[part](given[1:], console)
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sys.exit(main())
