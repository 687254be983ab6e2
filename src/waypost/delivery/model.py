"""What can come of an attempt, and what follows from it.

Pure: no clock, no database, no network. The worker asks `next_step`; nothing else decides a fate.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

LONGEST_RETRY_AFTER_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has the message."""

    status: int | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The destination does not have it, or did not say so. `reason` is for an operator's eyes.

    `retry_after_seconds` is what the destination asked for.
    """

    reason: str
    status: int | None = None
    retry_after_seconds: float | None = None
    answer: bytes = b""


Outcome = Delivered | Failed


@dataclass(frozen=True, slots=True)
class Advance:
    """The message is done; the queue goes on."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The message stays at the head and is tried again at `due_at` (ms); `attempts` have failed in a row.

    `refused` of them were answers that count towards parking.
    """

    due_at: int
    attempts: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Park:
    """The message is given up by the subscription's rule, until somebody replays it; the queue goes on."""

    reason: str


Step = Advance | Hold | Park


@dataclass(frozen=True, slots=True)
class Parking:
    """A subscription's rule: after so many answers in a row with one of these statuses, a message is parked."""

    statuses: Collection[int]
    after: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds before each retry; the last one repeats for ever: delivery never gives up by itself."""

    delays: Sequence[float]

    @property
    def longest(self) -> float:
        """The longest of them."""
        return max(self.delays)

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (the first is 1)."""
        return self.delays[min(failures, len(self.delays)) - 1]


def next_step(
    outcome: Outcome,
    *,
    failures: int,
    schedule: Schedule,
    changed: bool,
    now_ms: int,
    parking: Parking | None = None,
    refused: int = 0,
) -> Step:
    """Decide what follows an attempt.

    `failures` counts the failed attempts in a row before this one, `refused` those of them that count towards
    parking. `changed`: destination or credential are no longer what the attempt began with, so that it says
    nothing about them: due at once, from the start.
    """
    match outcome:
        case Delivered():
            return Advance()
        case Failed() if changed:
            return Hold(due_at=now_ms, attempts=0)
        case Failed(status=status, retry_after_seconds=asked):
            if parking is not None and status in parking.statuses:
                refused += 1
                if refused >= parking.after:
                    words = f"Parked after {refused} answer(s) that the subscription parks; the last was {status}."
                    return Park(words)
            wait = max(schedule.delay(failures + 1), min(asked or 0.0, LONGEST_RETRY_AFTER_SECONDS))
            return Hold(due_at=now_ms + round(wait * 1000), attempts=failures + 1, refused=refused)
