"""What was promised, counted: from what was acknowledged and what a receiver took, queue by queue. Pure."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QueueTally:
    """One queue's numbers. Repeats are those beyond the first of each message."""

    accepted: int
    delivered: int
    lost: int
    unasked: int
    repeated: int
    inverted: int


def lane(acknowledged: Sequence[int], taken: Sequence[int]) -> QueueTally:
    """Count one queue; numbers in the order of acknowledgement, and of arrival.

    Inverted is what comes after a later message, the second time included.
    """
    found, newest, inverted = Counter(taken), -1, 0
    for number in taken:
        inverted += number < newest
        newest = max(newest, number)
    return QueueTally(
        accepted=len(acknowledged),
        delivered=len(found),
        lost=len(set(acknowledged) - found.keys()),
        unasked=len(found.keys() - set(acknowledged)),
        repeated=len(taken) - len(found),
        inverted=inverted,
    )


@dataclass(frozen=True, slots=True)
class CampaignOutcome:
    """A whole campaign. Times are seconds from the last kill of a burst; `faults` says what else went wrong.

    `usual` is how long it took until every queue had moved without a kill, under a load with calm between bursts.
    """

    lanes: tuple[QueueTally, ...]
    kills: int
    planned: int
    restarts: int
    moving: tuple[float, ...]
    accepting: tuple[float, ...]
    seconds: float
    faults: tuple[str, ...] = field(default=())
    usual: tuple[float, ...] = field(default=())

    @property
    def most_repeats(self) -> int:
        """How many repeats one queue may have: one for each death of a node or of the database."""
        return self.kills + self.restarts

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken, in words; empty when all were kept."""
        totals = {
            "acknowledged and lost": self._sum("lost"),
            "delivered and never acknowledged": self._sum("unasked"),
            "out of order": self._sum("inverted"),
        }
        found = [f"{count} messages {what}" for what, count in totals.items() if count]
        worst = max(each.repeated for each in self.lanes)
        if worst > self.most_repeats:
            found.append(f"one queue repeats {worst} times, at {self.most_repeats} deaths")
        return [*found, *self.faults]

    def rows(self) -> list[tuple[str, str]]:
        """The table."""
        deaths = f"{self.kills:,} of {self.planned:,}" if self.kills < self.planned else f"{self.kills:,}"
        return [
            ("nodes killed with -9", deaths),
            ("database restarted", f"{self.restarts:,}"),
            ("accepted", f"{self._sum('accepted'):,}"),
            ("delivered", f"{self._sum('delivered'):,}"),
            ("lost", f"{self._sum('lost'):,}"),
            ("repeated", f"{self._sum('repeated'):,}"),
            ("inverted", f"{self._sum('inverted'):,}"),
            ("worst queue's repeats", f"{max(lane.repeated for lane in self.lanes):,} (≤ {self.most_repeats:,})"),
            ("accepting again, median / max", _times(self.accepting)),
            ("every queue moving again, median / max", _times(self.moving)),
            ("the campaign took", f"{self.seconds:.0f} s"),
        ]

    def _sum(self, name: str) -> int:
        return sum(getattr(each, name) for each in self.lanes)


def _times(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f} s" if seconds else "–"
