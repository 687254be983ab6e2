"""Wall clocks that jump by an hour, ahead and back: order holds, and no retry waits for the hour.

On SQLite the node's clock jumps, and with it that of its senders, whose tokens go by it. On PostgreSQL leases go
by the database's clock, which needs a machine of its own to jump; there the workers' jump.
"""

import random
import struct
from contextlib import ExitStack
from pathlib import Path

from crash.load import Load
from torture import nodes
from torture.trial import Fault, Setting

SECONDS = 2
HOUR = 3600
STEPS = (HOUR, 0, -HOUR, 0, 2 * HOUR, HOUR)
"""How far the clock is ahead, round after round."""


def faults() -> list[Fault]:
    """On both stores."""
    return [
        Fault("clock ±1 h", "sqlite", SECONDS, 1, _sqlite, least=len(STEPS)),
        Fault("clocks of the workers ±1 h", "postgresql", SECONDS, 1, _postgresql, least=2 * len(STEPS)),
    ]


class SharedClock:
    """A clock that processes share; `environment` is what makes theirs of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._round = 0
        self._path.write_bytes(struct.pack("q", 0))
        self.environment = {"PYTHONPATH": str(Path(__file__).with_name("stepped")), "TORTURE_CLOCK": str(path)}

    def inject(self, _: Load) -> str:
        """The next step."""
        ahead = STEPS[self._round % len(STEPS)]
        self._round += 1
        self.move(ahead)
        return f"{ahead:+} s"

    def move(self, ahead: int) -> None:
        """So many seconds before the real time, at once."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("q", ahead * 10**9))


def _sqlite(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    clock = SharedClock(place / "clock")
    stage = nodes.one(place, stack, clock.environment)
    return Setting(stage, clock.inject, _nothing, environment=clock.environment)


def _postgresql(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    database = nodes.database(place, stack)
    clocks = {
        number: SharedClock(place / f"clock-{number}")
        for number, role in enumerate(nodes.ROLES)
        if role == "worker"
    }
    urls = [database.url("postgres")] * len(nodes.ROLES)
    stage = nodes.several(place, stack, urls, {number: clock.environment for number, clock in clocks.items()})

    def inject(load: Load) -> str:
        return clocks[draw.choice(list(clocks))].inject(load) + " on a worker"

    return Setting(stage, inject, _nothing)


def _nothing(_: Load) -> None:
    """A clock that has jumped stays there."""
