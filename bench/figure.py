"""What a measurement ends in: a value for each round, and what the project wants it to be. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["ratio", "ms", "s", "MB", "/s", "messages"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a median should be at least, or at most. Make it with `at_least` or `at_most`."""

    limit: float
    upward: bool

    def is_met(self, value: float) -> bool:
        """Whether that median is good enough."""
        return value >= self.limit if self.upward else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.upward else '≤'} {self.limit:g}"


def at_least(limit: float) -> Goal:
    """The more the better."""
    return Goal(limit, upward=True)


def at_most(limit: float) -> Goal:
    """The less the better."""
    return Goal(limit, upward=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: a value for each round. `behind` says the plain numbers that it comes from."""

    name: str
    unit: Unit
    rounds: tuple[float, ...]
    behind: str
    what: str
    target: Goal | None = None

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)

    @property
    def is_met(self) -> bool | None:
        """Whether the median is as it should be; None where nothing is asked."""
        return None if self.target is None else self.target.is_met(self.median)

    @property
    def verdict(self) -> str:
        """The target, and whether it is met."""
        return "" if self.target is None else f"{self.target}: {'met' if self.is_met else 'not met'}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def short(value: float) -> str:
    """At least three digits that count, at most four behind the point, and no exponent."""
    digits = 2 if value == 0 else 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits, 0), 4)}f}"
