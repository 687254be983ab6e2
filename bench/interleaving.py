"""Rounds: in each, everything that is compared is measured once, in an order that turns with the rounds."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.figure import Figure, Goal, Unit, short
from bench.processes import BenchFailed
from waypost.demo.progress import Steps

Round = Mapping[str, float]
Measure = Callable[[], Round]


def interleaved(
    words: str, measures: Sequence[Measure], rounds: int, progress: Steps, *, warm_up: bool
) -> list[Round]:
    """Each round's numbers; `warm_up` puts a round in front that does not count."""
    done: list[Round] = []
    with progress.bar(words, rounds) as advance:
        for number in range(-1 if warm_up else 0, rounds):
            turn = number % len(measures)
            found = {name: value for one in (*measures[turn:], *measures[:turn]) for name, value in one().items()}
            if number < 0:
                continue
            done.append(found)
            advance(len(done))
            progress.say(", ".join(f"{name} {value:.4g}" for name, value in sorted(found.items())))
    return done


def ratio(
    name: str, rounds: Sequence[Round], ours: str, theirs: str, what: str, *, unit: str = "/s",
    target: Goal | None = None,
) -> Figure:  # fmt: skip
    """The one of each round divided by the other. Raises BenchFailed where nothing was measured."""
    values = tuple(measured(found, ours) / measured(found, theirs) for found in rounds)
    behind = " against ".join(f"{short(median(rounds, key))}{unit}" for key in (ours, theirs))
    return Figure(name, "ratio", values, behind, what, target)


def absolute(
    name: str, rounds: Sequence[Round], key: str, what: str, behind: str = "absolute", *, unit: Unit = "ms",
    target: Goal | None = None,
) -> Figure:  # fmt: skip
    """A time, a size or a rate of its own. Raises BenchFailed where nothing was measured."""
    return Figure(name, unit, tuple(measured(found, key) for found in rounds), behind, what, target)


def measured(found: Round, key: str) -> float:
    """What a round found. Raises BenchFailed for what cannot have been measured: everything takes some time."""
    value = found[key]
    if not (math.isfinite(value) and value > 0):
        raise BenchFailed(
            f"`{key}` came out as {value:g}: there was too little to measure; measure more or longer."
        )
    return value


def median(rounds: Sequence[Round], key: str) -> float:
    """The median of all rounds."""
    return statistics.median(found[key] for found in rounds)


def rate(done: Mapping[str, float]) -> float:
    """How many a second. Raises BenchFailed where nothing was done."""
    return measured(done, "done") / measured(done, "seconds")
