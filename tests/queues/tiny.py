"""The engine as it should be, in memory, as small as can be: what the stateful tests hold the stores against.

A log has a set of queues that it is an entry of: one today; a message that merges two child queues has both, and
ends in both at once. Whatever ends a log moves the cursor of each.
"""

from dataclasses import dataclass, field

from waypost.delivery.model import Advance, Delivered, Failed, Park, Parking, Schedule, Step, next_step
from waypost.logs.store import State as LogState
from waypost.queues.model import State

SCHEDULE = Schedule((10, 60))
PARKING = Parking((422,), after=2)


@dataclass
class Queue:
    """A queue; its entries are numbers of sequence with their logs, and stay when they end."""

    destination_id: str
    entries: list[tuple[int, str]] = field(default_factory=list)
    cursor: int = 0
    paused: bool = False
    closed: bool = False
    held_until: int | None = None
    failures: int = 0
    refused: int = 0
    seen: int = 0
    replayed: int = 0

    @property
    def waiting(self) -> list[tuple[int, str]]:
        return [entry for entry in self.entries if entry[0] > self.cursor]

    @property
    def state(self) -> State:
        if self.paused:
            return State.paused
        if not self.waiting:
            return State.idle
        return State.ready if self.held_until is None else State.held

    def go_on(self, *, seen: int | None = None) -> None:
        """Nothing holds it."""
        self.held_until, self.failures, self.refused = None, 0, 0
        self.seen = self.seen if seen is None else seen


@dataclass
class Log:
    """One message on its way to one destination."""

    seq: int
    queues: frozenset[str]
    state: LogState = LogState.pending


@dataclass(frozen=True)
class Flight:
    """What an attempt began with: the epoch, each queue's cursor, and the destination's version."""

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

    def open_queue(self, queue_id: str, destination_id: str) -> None:
        self.versions.setdefault(destination_id, 1)
        self.last.setdefault(destination_id, 0)
        self.queues[queue_id] = Queue(destination_id)

    def accept(self, log_id: str, *queue_ids: str, replay: bool = False) -> int:
        """A new log at the tail of these queues of one destination; its number."""
        destination_id = self.queues[queue_ids[0]].destination_id
        self.last[destination_id] += 1
        seq = self.last[destination_id]
        self.logs[log_id] = Log(seq, frozenset(queue_ids))
        for queue_id in queue_ids:
            self.queues[queue_id].entries.append((seq, log_id))
            self.queues[queue_id].replayed += replay
        return seq

    def may_run(self, queue_id: str) -> bool:
        """Whether the head may be sent: it is the head of every queue that it is in, and none must wait."""
        queue = self.queues[queue_id]
        if not queue.waiting:
            return False
        each = [self.queues[other] for other in self.logs[queue.waiting[0][1]].queues]
        return all(self._is_free(other) and other.waiting[0] == queue.waiting[0] for other in each)

    def begin(self, queue_id: str) -> Flight:
        queue = self.queues[queue_id]
        version, log_id = self.versions[queue.destination_id], queue.waiting[0][1]
        cursors = tuple((other, self.queues[other].cursor) for other in sorted(self.logs[log_id].queues))
        counts = (queue.failures, queue.refused) if queue.seen == version else (0, 0)
        return Flight(log_id, self.epoch, cursors, version, *counts)

    def settle(self, flight: Flight, outcome: Delivered | Failed) -> bool:
        """Whether the attempt's end counts: not a stale owner's, nor that of a message which has moved on."""
        queues = [self.queues[queue_id] for queue_id, _ in flight.cursors]
        there = all(queue.cursor == cursor for queue, (_, cursor) in zip(queues, flight.cursors, strict=True))
        if not there or flight.epoch != self.epoch:
            return False
        match decided(flight, outcome, changed=self.is_changed(flight), now_ms=self.now):
            case Advance():
                self._end(flight.log_id, LogState.delivered, seen=flight.version)
            case Park():
                self._end(flight.log_id, LogState.parked, seen=flight.version)
            case step:
                for queue in queues:
                    queue.held_until, queue.failures, queue.refused = step.due_at, step.attempts, step.refused
                    queue.seen = flight.version
        return True

    def is_changed(self, flight: Flight) -> bool:
        """Whether the destination is another than the attempt began with."""
        return self.versions[self.queues[flight.cursors[0][0]].destination_id] != flight.version

    def skip(self, queue_id: str) -> None:
        self._end(self.queues[queue_id].waiting[0][1], LogState.skipped)

    def resume(self, queue_id: str) -> None:
        queue = self.queues[queue_id]
        if queue.paused:
            queue.paused = False
            queue.go_on()

    def retry(self, queue_id: str) -> None:
        queue = self.queues[queue_id]
        if queue.state is State.held:
            queue.held_until = self.now

    def close(self, queue_id: str) -> None:
        """Its subscription is deleted: what waits ends skipped."""
        queue = self.queues[queue_id]
        queue.paused, queue.closed = False, True
        queue.go_on()
        for _, log_id in queue.waiting:
            self.logs[log_id].state = LogState.skipped
        queue.cursor = queue.entries[-1][0] if queue.entries else 0

    def count(self, state: LogState) -> int:
        return sum(log.state is state for log in self.logs.values())

    def _is_free(self, queue: Queue) -> bool:
        held = queue.state is State.held and (queue.held_until or 0) > self.now
        return queue.state in {State.ready, State.held} and not (
            held and queue.seen == self.versions[queue.destination_id]
        )

    def _end(self, log_id: str, state: LogState, *, seen: int | None = None) -> None:
        log = self.logs[log_id]
        log.state = state
        for queue_id in log.queues:
            self.queues[queue_id].cursor = log.seq
            self.queues[queue_id].go_on(seen=seen)
