"""What a queue is and what the engine reads and writes of it. Pure values.

A queue is `idle` (nothing waits), `ready` (its head may be sent), `held` (its head failed and waits for
`due_at`), `waiting` (its head has not failed; other queues of the subscription come first) or `paused`. What the
API calls `delivering` is a ready queue; a waiting one is held there, with that as its reason.

A queue is a subscription's own, whose id is the subscription's, or a child of it (`children.py`).
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

SHARDS = 64

Arrived = Callable[[str, str], None]
"""Told of a queue and its destination when there is something in it that may run."""


class QueueState(StrEnum):
    """What a queue's row says of it."""

    idle = "idle"
    ready = "ready"
    held = "held"
    waiting = "waiting"
    paused = "paused"


def shard_of(destination_id: str) -> int:
    """The shard of a destination: all its queues have one owner (invariant 4)."""
    return zlib.crc32(destination_id.encode()) % SHARDS


@dataclass(frozen=True, slots=True)
class Addressee:
    """One destination of a message that is being accepted, with the ids made for it.

    A message that names several patients has an entry in the queues of `others` too. `since` is None for a
    subscription's own queue, whose rows are there; child queues are made where there are none (`children.py`).
    """

    log_id: str
    queue_id: str
    subscription_id: str
    destination_id: str
    others: tuple[str, ...] = ()
    since: int | None = None

    @property
    def queue_ids(self) -> tuple[str, ...]:
        """Every queue that gets an entry; the log is counted in the first."""
        return (self.queue_id, *self.others)

    @property
    def written(self) -> str | None:
        """What `log.queues` says of it."""
        return None if self.since is None else " ".join(self.queue_ids)


@dataclass(frozen=True, slots=True)
class Accept:
    """A message to be made durable; `body` is sealed, the `Meta` object lies at `meta_start:meta_end` in it."""

    message_id: str
    environment_id: str
    source_id: str
    data_model: str
    event_type: str
    facility_code: str | None
    body: bytes
    meta_start: int
    meta_end: int
    now_ms: int
    addressees: tuple[Addressee, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A log to be sent once more: as a new log, the addressee's, at the tail of its queue."""

    replay_of: str
    environment_id: str
    addressee: Addressee
    now_ms: int


@dataclass(frozen=True, slots=True)
class Versions:
    """Of a destination and its credential: what an attempt began with (invariant 5)."""

    destination: int
    credential: int


@dataclass(frozen=True, slots=True)
class Head:
    """A queue's head row as the worker finds it."""

    queue_id: str
    destination_id: str
    environment_id: str
    subscription_id: str
    shard: int
    cursor: int
    state: QueueState
    due_at: int | None
    attempts: int
    seen: Versions
    now: Versions
    since: int | None = None
    refused: int = 0
    park: str | None = None

    @property
    def refusals(self) -> int:
        """Answers in a row that count towards parking; none from before destination or credential changed."""
        return self.refused if self.seen == self.now else 0

    @property
    def failures(self) -> int:
        """Failed attempts in a row that count: none of those made before destination or credential changed."""
        return self.attempts if self.seen == self.now else 0

    def may_run(self, now_ms: int) -> bool:
        """Whether its next message may be sent now."""
        match self.state:
            case QueueState.ready:
                return True
            case QueueState.waiting:
                return (self.due_at or 0) <= now_ms
            case QueueState.held:
                return (self.due_at or 0) <= now_ms or self.seen != self.now
        return False


def head_of(row: Sequence[Any]) -> Head:
    """A head from the row that both dialects select."""
    return Head(
        queue_id=row[0],
        destination_id=row[1],
        environment_id=row[2],
        subscription_id=row[3],
        shard=row[4],
        cursor=row[5],
        state=QueueState(row[6]),
        due_at=row[7],
        attempts=row[8],
        seen=Versions(row[9], row[10]),
        now=Versions(row[11], row[12]),
        since=row[13],
        refused=row[14],
        park=row[15],
    )


@dataclass(frozen=True, slots=True)
class Pending:
    """A message waiting in a queue, its body sealed; `data_model` is spelled as in the subscription."""

    seq: int
    log_id: str
    message_id: str
    replay_of: str | None
    source_id: str
    source_name: str
    meta_start: int
    meta_end: int
    body: bytes
    queues: str | None = None
    subscription_id: str = ""
    data_model: str = ""
    event_type: str = ""
    accepted_at: int = 0

    @property
    def merges(self) -> tuple[str, ...]:
        """The queues that it is in, when they are several; the log is counted in the first."""
        if self.queues is None:
            return ()
        ids = tuple(self.queues.split())
        return ids if len(ids) > 1 else ()

    def counted(self, queue_id: str, *, parked: bool) -> tuple[int, int, int]:
        """What its end adds to a queue's counters delivered, parked, joined."""
        if self.queues is not None and not self.queues.startswith(queue_id):
            return 0, 0, 1
        return int(not parked), int(parked), 0


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that ended."""

    attempt_id: str
    started_at: int
    ended_at: int
    outcome: Literal["delivered", "failed"]
    status: int | None
    reason: str | None
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Fence:
    """What must still be so for a worker's word to count: its shard's epoch and the cursor it read.

    `others` are the cursors of the further queues that a merged message is in.
    """

    shard: int
    epoch: int
    queue_id: str
    cursor: int
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered message of one queue, to be recorded with others; `seen` is what its attempt began with."""

    fence: Fence
    sent: Pending
    ended: Ended
    seen: Versions


@dataclass(frozen=True, slots=True)
class Only:
    """Which queues a list has; None, and no states, leave a thing open."""

    states: tuple[QueueState, ...] = ()
    destination_id: str | None = None
    subscription_id: str | None = None


EVERY = Only()


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue as the API shows it."""

    queue_id: str
    environment_id: str
    subscription_id: str
    destination_id: str
    state: QueueState
    reason: str | None
    last_status: int | None
    held_since: int | None
    depth: int
    oldest_accepted_at: int | None
    head_log_id: str | None
    attempts: int
    next_attempt_at: int | None

    @property
    def is_child(self) -> bool:
        """Whether it is a child queue of its subscription."""
        return self.queue_id != self.subscription_id
