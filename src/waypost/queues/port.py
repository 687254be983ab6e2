"""The hot statements that every store has: accept, replay, claim, load, settle. One file a dialect, a module each.

`sqlite.py` says what each does; the contract suite holds the dialects equal.
"""

from collections.abc import Collection, Iterator
from typing import Protocol

from waypost.db.database import Tx
from waypost.queues.model import Accept, Ended, Fence, Head, Pending, Replay, State, Versions


class Hot(Protocol):
    """What runs for every message."""

    def environment_version(self, tx: Tx, environment_id: str) -> int | None:
        """The version of what routes messages in the environment."""
        ...

    def accept(self, tx: Tx, given: Accept) -> dict[str, int]:
        """Write message, logs, entries and tails; the sequence number of each log."""
        ...

    def replay(self, tx: Tx, given: Replay) -> int:
        """Write a new log of the same message, with its entry and tail; its sequence number."""
        ...

    def due(
        self, tx: Tx, now_ms: int, limit: int, full: Collection[str] = ()
    ) -> tuple[list[tuple[str, str]], int | None]:
        """Queues whose time has come as (queue, destination), and when the next one is due.

        Those of the destinations in `full` are left out.
        """
        ...

    def stale(self, tx: Tx, destination_id: str, limit: int) -> list[str]:
        """Held queues of a destination that have not met its newest version or its credential's."""
        ...

    def head(self, tx: Tx, queue_id: str) -> Head | None:
        """The queue's head row with the versions that count now."""
        ...

    def waiting(self, tx: Tx, queue_id: str, cursor: int, limit: int) -> Iterator[Pending]:
        """The next messages behind the cursor, bodies sealed."""
        ...

    def versions(self, tx: Tx, destination_id: str) -> Versions:
        """The versions that count now."""
        ...

    def advance(self, tx: Tx, fence: Fence, sent: Pending, ended: Ended, seen: Versions) -> State | None:
        """Record a delivered message and move the cursor past it; None when fenced off."""
        ...

    def hold(
        self, tx: Tx, fence: Fence, sent: Pending, ended: Ended, *, seen: Versions, attempts: int, due_at: int
    ) -> State | None:
        """Record a failed attempt and say when the next one is due; None when fenced off."""
        ...
