"""The hot statements that every store has: accept, replay, claim, load, settle. One file a dialect, a module each.

`sqlite.py` says what each does; the contract suite holds the dialects equal.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from waypost.db.database import Beside, Tx
from waypost.queues.model import (
    Accept,
    Addressee,
    Delivery,
    Ended,
    Fence,
    Head,
    Pending,
    QueueState,
    Replay,
    Versions,
)


def rows_of_accept(addressees: Iterable[Addressee]) -> Beside:
    """What an accept holds to its commit: the counters of its destinations, and the tails of its queues."""
    rows: list[tuple[str, str | int]] = []
    size = 0
    for addressee in addressees:
        size += 1
        rows += [
            ("destination_seq", addressee.destination_id),
            *(("queue_tail", each) for each in addressee.queue_ids),
        ]
    return Beside("accept", tuple(rows), size=size)


def rows_of_settle(*last: str, size: int = 1) -> Beside:
    """What a settle holds: the tails of queues whose last message it may be, so that no accept falls between."""
    return Beside("settle", tuple(("queue_tail", each) for each in last), size=size)


class Hot(Protocol):
    """What runs for every message."""

    def now_ms(self, tx: Tx) -> int:
        """The database's clock, in ms: the one that leases go by."""
        ...

    def turn(self, tx: Tx) -> int:
        """A number that moves with each change of configuration, made on any node; 0 where there is one node."""
        ...

    def environment_version(self, tx: Tx, environment_id: str) -> int | None:
        """The version of what routes messages in the environment."""
        ...

    def accept(self, tx: Tx, *given: Accept) -> dict[str, int]:
        """Write messages, logs, entries and tails, in the order of the messages; each log's sequence number."""
        ...

    def replay(self, tx: Tx, given: Replay) -> int:
        """Write a new log of the same message, with its entry and tail; its sequence number. Takes a turn."""
        ...

    def due(
        self, tx: Tx, now_ms: int, limit: int, shards: Collection[int], full: Collection[str] = ()
    ) -> tuple[list[tuple[str, str]], int | None]:
        """Queues of these shards whose time has come as (queue, destination), and when the next one is due.

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

    def versions(self, tx: Tx, destination_ids: Collection[str]) -> dict[str, Versions]:
        """The versions that count now, of each destination that is there."""
        ...

    def are_next(self, tx: Tx, cursors: Collection[tuple[str, int]], seq: int) -> bool:
        """Whether each of these queues stands at that cursor, with nothing before `seq`."""
        ...

    def advance(
        self, tx: Tx, fence: Fence, sent: Pending, ended: Ended, seen: Versions, *, parked: str | None = None
    ) -> QueueState | None:
        """Record a delivered or parked message and move the cursor past it; None when fenced off."""
        ...

    def advance_many(self, tx: Tx, given: Sequence[Delivery]) -> list[QueueState | None]:
        """`advance` for delivered messages, each in one queue and no two in the same; what came of each."""
        ...

    def wait(self, tx: Tx, fence: Fence, reason: str, due_at: int) -> QueueState | None:
        """Have a queue look again later, or when it is roused; None when fenced off or paused."""
        ...

    def hold(
        self,
        tx: Tx,
        fence: Fence,
        sent: Pending,
        ended: Ended,
        *,
        seen: Versions,
        attempts: int,
        due_at: int,
        refused: int = 0,
    ) -> QueueState | None:
        """Record a failed attempt and say when the next one is due; None when fenced off."""
        ...
