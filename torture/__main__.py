"""`python -m torture PART …`: one part of the torture; each has a file of its own, and its own `--help`."""

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from torture import faults, soak

PARTS: dict[str, Callable[[Sequence[str]], int]] = {
    "faults": faults.main,
    "soak": soak.main,
}


def main(arguments: Sequence[str]) -> int:
    """Run the part that is named first; 0 when every promise was kept."""
    if not arguments or arguments[0] not in PARTS:
        print(f"usage: torture {{{','.join(PARTS)}}} …", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return PARTS[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        print("Stopped.")
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
