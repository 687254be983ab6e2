"""What hostile input came to: counted by operation, added up over rounds that ran in other processes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field


def _counters() -> dict[str, Counter[int]]:
    return defaultdict(Counter)


@dataclass
class Tally:
    """How many cases there were, what they were answered, and what was wrong, by operation or kind.

    `by_link` is how many of them were made of what an earlier answer named.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=_counters)
    by_link: Counter[str] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """All of them."""
        return sum(counted.total() for counted in self.statuses.values())

    def add(self, operation: str, status: int, wrong: str | None, *, by_link: bool = False) -> None:
        """Count a case."""
        self.statuses[operation][status] += 1
        self.by_link[operation] += by_link
        if wrong is not None:
            self.broken.setdefault(f"{operation} {status}", wrong)

    def join(self, other: "Tally") -> None:
        """Count what another tally has, too."""
        for operation, counted in other.statuses.items():
            self.statuses[operation] += counted
        self.by_link += other.by_link
        self.broken = other.broken | self.broken

    def of(self, operations: Iterable[str]) -> Counter[int]:
        """How often these were answered what."""
        return sum((self.statuses[each] for each in operations if each in self.statuses), Counter[int]())
