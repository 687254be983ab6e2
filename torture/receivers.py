"""Receivers that misbehave, one destination of many at a time: the others must stay well."""

import random
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

from crash.load import Load
from torture import nodes
from torture.trial import Fault, Setting

KINDS = (
    "reset",
    "hang up",
    "stall",
    "garbage",
    "drip headers",
    "drip a body",
    "endless headers",
    "endless body",
    "lie about length",
)
SECONDS = 4
TIME_LIMIT_SECONDS = 2
MOST_SLOWED = 2.0
"""How much slower the others may be: they share the machine with an endless body."""


def faults() -> list[Fault]:
    """One, of many kinds in turn."""
    return [Fault("one receiver misbehaves", "sqlite", SECONDS, 1, _make, least=len(KINDS))]


def _make(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    badly = _Badly(list(draw.sample(KINDS, len(KINDS))), draw)
    stage = nodes.one(place, stack)
    return Setting(
        stage, badly.inject, badly.heal, notes=badly.notes, wrong=badly.wrong, time_limit=TIME_LIMIT_SECONDS
    )


class _Badly:
    """Each kind in turn, on a lane that is drawn; how fast the other lanes are meanwhile, and were before."""

    def __init__(self, kinds: list[str], draw: random.Random) -> None:
        self._kinds, self._draw = kinds, draw
        self._round = self._lane = 0
        self._at = (0.0, 0)
        self._before = 0.0
        self._slowed: dict[str, list[float]] = {}

    def inject(self, load: Load) -> str:
        lanes = load.traffic.form.lanes
        self._lane, kind = self._draw.randrange(lanes), self._kinds[self._round % len(self._kinds)]
        self._mark(load)
        load.wait(SECONDS)
        self._before = self._rate(load)
        load.traffic.misbehave(self._lane, kind)
        self._mark(load)
        return f"one of {lanes}: {kind}"

    def heal(self, load: Load) -> None:
        kind = self._kinds[self._round % len(self._kinds)]
        self._slowed.setdefault(kind, []).append(self._before / max(self._rate(load), 0.001))
        load.traffic.misbehave(self._lane, "")
        self._round += 1

    def wrong(self) -> list[str]:
        return [
            f"beside {kind}, the others took {ratio:.1f} times as long"
            for kind, ratio in self._ratios().items()
            if ratio > MOST_SLOWED
        ]

    def notes(self) -> list[str]:
        words = [f"{kind} {ratio:.2f}" for kind, ratio in self._ratios().items()]
        return [f"the others took so many times as long as before (bound {MOST_SLOWED}): {', '.join(words)}"]

    def _ratios(self) -> dict[str, float]:
        return {kind: statistics.median(ratios) for kind, ratios in sorted(self._slowed.items())}

    def _mark(self, load: Load) -> None:
        load.traffic.look()
        self._at = (time.monotonic(), self._others(load))

    def _rate(self, load: Load) -> float:
        """Messages a second of the other lanes since the mark."""
        load.traffic.look()
        return (self._others(load) - self._at[1]) / (time.monotonic() - self._at[0])

    def _others(self, load: Load) -> int:
        delivered = load.traffic.counts()[1]
        return sum(delivered) - delivered[self._lane]
