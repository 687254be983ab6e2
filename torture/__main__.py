"""`python -m torture PART …`: one part of the torture after the other, each with its own arguments."""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence

import structlog
from rich.console import Console

from torture import hostile

Part = Callable[[Sequence[str], Console], int]

PARTS: Mapping[str, Part] = {"hostile": hostile.main}
"""What there is; a part takes its arguments and gives the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the part that is named first."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="torture", description="What Waypost must survive, at length.")
    parser.add_argument("part", choices=PARTS, help="hostile: requests of every kind, cases by the ten thousand")
    part = parser.parse_args(given[:1]).part
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return PARTS[part](given[1:], Console(highlight=False, soft_wrap=True))


if __name__ == "__main__":
    sys.exit(main())
