"""What came of rounds of hostile input: counted, and added up."""

from dataclasses import dataclass, field

from torture import odd
from torture.tally import Tally


@dataclass
class Findings:
    """What came of the rounds so far. Memory is the most of one process, in MB, at the end of its round.

    `documented` is which statuses each operation may answer, `groups` which operations are of one subject.
    """

    tally: Tally = field(default_factory=Tally)
    documented: dict[str, set[int]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    rounds: int = 0
    server_mb: float = 0
    drawing_mb: float = 0
    seconds: float = 0

    @property
    def cases(self) -> int:
        """Those made of the document; odd requests are not among them."""
        return self.tally.of(self.documented).total()

    @property
    def odd(self) -> int:
        """The requests that no document describes."""
        return self.tally.of(odd.KINDS).total()

    def join(self, other: "Findings") -> None:
        """Count what another round found."""
        self.tally.join(other.tally)
        self.documented, self.groups = other.documented or self.documented, other.groups or self.groups
        self.rounds += other.rounds
        self.server_mb = max(self.server_mb, other.server_mb)
        self.drawing_mb = max(self.drawing_mb, other.drawing_mb)

    def unseen(self) -> list[str]:
        """Documented statuses that no case was answered, but for those that need more than a request."""
        return [
            f"{name} {status}"
            for name, statuses in self.documented.items()
            for status in sorted(statuses - self.tally.of([name]).keys() - {413, 415, 429, 503})
        ]
