"""The engine as it should be, in memory, as small as can be: what the stateful tests hold the stores against.

A log has the queues that it is an entry of: one, or those of the patients that a message names. It is sent when it
is the head of all of them, by the one that looked; whatever ends it moves the cursor of each.
"""

from dataclasses import dataclass, field

from waypost.delivery.model import Advance, Delivered, Failed, Park, Parking, Schedule, Step, next_step
from waypost.delivery.waits import LOOK_AGAIN_MS
from waypost.logs.store import LogState
from waypost.queues.model import QueueState

SCHEDULE = Schedule((10, 60))
PARKING = Parking((422,), after=2)


@dataclass
class Queue:
    """A queue; its entries are numbers of sequence with their logs, and stay when they end."""

    destination_id: str
    owner: str = ""
    entries: list[tuple[int, str]] = field(default_factory=list)
    cursor: int = 0
    paused: bool = False
    closed: bool = False
    held_until: int | None = None
    looks_at: int | None = None
    failures: int = 0
    refused: int = 0
    seen: int = 0
    replayed: int = 0

    @property
    def waiting(self) -> list[tuple[int, str]]:
        return [entry for entry in self.entries if entry[0] > self.cursor]

    @property
    def state(self) -> QueueState:
        if self.paused:
            return QueueState.paused
        if not self.waiting:
            return QueueState.idle
        if self.looks_at is not None:
            return QueueState.waiting
        return QueueState.ready if self.held_until is None else QueueState.held

    def go_on(self, *, seen: int | None = None) -> None:
        """Nothing holds it."""
        self.held_until, self.looks_at, self.failures, self.refused = None, None, 0, 0
        self.seen = self.seen if seen is None else seen


@dataclass
class Log:
    """One message on its way to one destination."""

    seq: int
    queues: tuple[str, ...]
    state: LogState = LogState.pending


@dataclass(frozen=True)
class Flight:
    """What an attempt of a queue began with: the epoch, each queue's cursor, and the destination's version."""

    queue_id: str
    log_id: str
    epoch: int
    cursors: tuple[tuple[str, int], ...]
    version: int
    failures: int
    refused: int


def decided(flight: Flight, outcome: Delivered | Failed, *, changed: bool, now_ms: int) -> Step:
    """What follows an attempt; `tests/delivery/test_next_step.py` is about that."""
    return next_step(
        outcome, failures=flight.failures, schedule=SCHEDULE, changed=changed, now_ms=now_ms,
        parking=PARKING, refused=flight.refused,
    )  # fmt: skip


@dataclass
class Engine:
    """Every operation; times are ms."""

    now: int
    epoch: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    logs: dict[str, Log] = field(default_factory=dict)
    sending: set[str] = field(default_factory=set)

    def open_queue(self, queue_id: str, destination_id: str) -> None:
        self.versions.setdefault(destination_id, 1)
        self.last.setdefault(destination_id, 0)
        self.queues[queue_id] = Queue(destination_id, queue_id)

    def take_over(self) -> None:
        """Another worker owns everything, and knows of no attempt."""
        self.epoch += 1
        self.sending.clear()

    def accept(self, log_id: str, owner: str, *queue_ids: str, replay: bool = False) -> None:
        """A new log at the tail of these queues of a subscription; a child that is not there is made."""
        destination_id = self.queues[owner].destination_id
        self.last[destination_id] += 1
        seq = self.last[destination_id]
        self.logs[log_id] = Log(seq, queue_ids)
        for queue_id in queue_ids:
            queue = self.queues.setdefault(queue_id, Queue(destination_id, owner, cursor=seq - 1))
            queue.entries.append((seq, log_id))
        self.queues[queue_ids[0]].replayed += replay

    def is_due(self, queue_id: str) -> bool:
        """Whether it is time to look at the queue's head."""
        queue = self.queues[queue_id]
        return self._is_free(queue) and (queue.looks_at or 0) <= self.now

    def heads(self, queue_id: str) -> bool:
        """Whether something waits, and it is the head of every queue that it is in."""
        waiting = self.queues[queue_id].waiting
        return bool(waiting) and all(
            self.queues[other].waiting[0] == waiting[0] for other in self.logs[waiting[0][1]].queues
        )

    def begin(self, queue_id: str) -> Flight | None:
        """What an attempt begins with; None when the message waits for another queue that it is in."""
        queue = self.queues[queue_id]
        version, log_id = self.versions[queue.destination_id], queue.waiting[0][1]
        others = [other for other in self.logs[log_id].queues if other != queue_id]
        free = self.heads(queue_id) and all(self._is_free(self.queues[other]) for other in others)
        if others and (not free or log_id in self.sending):
            queue.held_until, queue.looks_at = None, self.now + LOOK_AGAIN_MS
            return None
        if others:
            self.sending.add(log_id)
        cursors = tuple((other, self.queues[other].cursor) for other in (queue_id, *others))
        counts = (queue.failures, queue.refused) if queue.seen == version else (0, 0)
        return Flight(queue_id, log_id, self.epoch, cursors, version, *counts)

    def settle(self, flight: Flight, outcome: Delivered | Failed) -> bool:
        """Whether the attempt's end counts: not a stale owner's, nor that of a message which has moved on."""
        if flight.epoch == self.epoch:
            self.sending.discard(flight.log_id)
        there = all(
            queue_id in self.queues and self.queues[queue_id].cursor == cursor
            for queue_id, cursor in flight.cursors
        )
        if not there or flight.epoch != self.epoch:
            return False
        match decided(flight, outcome, changed=self.is_changed(flight), now_ms=self.now):
            case Advance():
                self._end(flight.log_id, LogState.delivered, seen=flight.version)
            case Park():
                self._end(flight.log_id, LogState.parked, seen=flight.version)
            case step:
                queue = self.queues[flight.queue_id]
                queue.held_until, queue.failures, queue.refused = step.due_at, step.attempts, step.refused
                queue.seen, queue.looks_at = flight.version, None
        return True

    def is_changed(self, flight: Flight) -> bool:
        """Whether the destination is another than the attempt began with."""
        return self.versions[self.queues[flight.queue_id].destination_id] != flight.version

    def skip(self, queue_id: str) -> None:
        self._end(self.queues[queue_id].waiting[0][1], LogState.skipped)

    def resume(self, queue_id: str) -> None:
        queue = self.queues[queue_id]
        if queue.paused:
            queue.paused = False
            queue.go_on()

    def retry(self, queue_id: str) -> None:
        queue = self.queues[queue_id]
        if queue.state is QueueState.held:
            queue.held_until = self.now
        if queue.state is QueueState.waiting:
            queue.looks_at = self.now

    def close(self, owner: str) -> None:
        """A subscription is deleted: what waits in its queues ends skipped."""
        for queue in self.queues.values():
            if queue.owner == owner:
                queue.paused, queue.closed = False, True
                queue.go_on()
                for _, log_id in queue.waiting:
                    self.logs[log_id].state = LogState.skipped
                queue.cursor = queue.entries[-1][0] if queue.entries else 0

    def tidy(self) -> int:
        """Child queues in which nothing waits go, their counters to the subscription's own; how many."""
        gone = [
            each for each, queue in self.queues.items() if each != queue.owner and queue.state is QueueState.idle
        ]
        for queue_id in gone:
            queue = self.queues.pop(queue_id)
            self.queues[queue.owner].replayed += queue.replayed
        return len(gone)

    def count(self, state: LogState) -> int:
        return sum(log.state is state for log in self.logs.values())

    def _is_free(self, queue: Queue) -> bool:
        """Whether nothing holds it back but what another queue has to do first."""
        held = queue.state is QueueState.held and (queue.held_until or 0) > self.now
        return queue.state in {QueueState.ready, QueueState.held, QueueState.waiting} and not (
            held and queue.seen == self.versions[queue.destination_id]
        )

    def _end(self, log_id: str, state: LogState, *, seen: int | None = None) -> None:
        log = self.logs[log_id]
        log.state = state
        for queue_id in log.queues:
            self.queues[queue_id].cursor = log.seq
            self.queues[queue_id].go_on(seen=seen)
