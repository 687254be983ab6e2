"""Who may run: places for queues, shared so that a receiver that hangs costs its own destination and nobody else.

There are two lanes. A destination that answers runs in the quick one; a queue whose attempt takes long moves to
the slow one, and a destination whose last attempt took long in vain begins there, with one place. So those that
hang fill the slow lane at most, whose places nobody else wants. `docs/decisions/0013` has the reasons.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from waypost.delivery.model import Delivered, Outcome
from waypost.memory import Budget, Share
from waypost.queues.model import Pending

T = TypeVar("T")

MOST_QUICK = 512
MOST_SLOW = 1024
KEPT_FOR_OTHERS = 64
"""Places of the quick lane that only a destination without one may take."""
MOST_A_DESTINATION = 16
SLOW_SECONDS = 1.0
LOOK_SECONDS = 0.1
ROOM_SECONDS = 1.0
"""How long a queue keeps its place while its message waits for room in memory."""
SHARE_OF_LATER = 0.5
"""How much of a budget the messages behind the first of a load may take."""
MOST_REMEMBERED = 10_000


class NoRoom(Exception):
    """A queue's next message is large, and there is no room for it in memory now."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


@dataclass(slots=True)
class _Standing:
    """What is known of a destination. `since` is when it last delivered, or began to run."""

    running: int = 0
    allowance: int = 1
    slow: bool = False
    since: float = 0.0
    refused: bool = False


class Slot:
    """A queue's place, from `Slots.begin` to `Slots.end`."""

    def __init__(self, slots: "Slots", queue_id: str, destination_id: str, bodies: Share, *, slow: bool) -> None:
        self.queue_id = queue_id
        self.destination_id = destination_id
        self.slow = slow
        self.since = slots.now()
        self.sending = False
        self.bodies = bodies
        self._slots = slots

    async def load(self, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` gives, once there is room for its first message. Raises NoRoom when none comes in time."""
        self.bodies.drop()
        needed = self._slots.needs.pop(self.queue_id, 0)
        while True:
            if needed:
                self._slots.move_aside()
                if not await self.bodies.reserve(needed, ROOM_SECONDS):
                    self._slots.needs[self.queue_id] = needed
                    raise NoRoom(needed)
            self.bodies.restart()
            try:
                return await read()
            except NoRoom as error:
                needed = error.size

    def within(self, waiting: Iterable[Pending]) -> Iterator[Pending]:
        """Those of a load that there is room for. For any thread. Raises NoRoom when the first one has none."""
        first = True
        for pending in waiting:
            size = len(pending.body)
            if not self.bodies.grow(size, share=1.0 if first else SHARE_OF_LATER):
                if first:
                    raise NoRoom(size)
                return
            first = False
            yield pending

    async def attempt(self, sending: Awaitable[Outcome]) -> Outcome:
        """What comes of an attempt, counted for its destination."""
        began = self.since = self._slots.now()
        self.sending = True
        outcome = await sending
        self.sending = False
        self.since = self._slots.now()
        self._slots.attempted(
            self, delivered=isinstance(outcome, Delivered), slow=self.since - began > SLOW_SECONDS
        )
        return outcome


class Slots:
    """The places of this node.

    `freed` is called when a place may be had that was refused before; `crowded` says that a lane refused one
    since it was last set to False.
    """

    def __init__(
        self, quick: Budget, slow: Budget, *, freed: Callable[[], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.now = now
        self.needs: dict[str, int] = {}
        self.crowded = False
        self._budgets = {False: quick, True: slow}
        self._taken = {False: 0, True: 0}
        self._freed = freed
        self._slots: set[Slot] = set()
        self._standings: dict[str, _Standing] = {}
        self._kept_back: set[str] = set()
        self._looked = float("-inf")

    def begin(self, queue_id: str, destination_id: str) -> Slot | None:
        """A place for a queue; None when its destination may have no more, or its lane is full."""
        standing = self._standing(destination_id)
        if self._is_full(standing):
            standing.refused = True
            return None
        if not self._has_room(standing):
            self.crowded = True
            if standing.slow:
                self._kept_back.add(destination_id)
            return None
        slot = Slot(self, queue_id, destination_id, Share(self._budgets[standing.slow]), slow=standing.slow)
        if not standing.running:
            standing.since = slot.since
        standing.running += 1
        self._taken[slot.slow] += 1
        self._slots.add(slot)
        return slot

    def end(self, slot: Slot) -> None:
        """The queue runs no more."""
        standing = self._standings[slot.destination_id]
        self._slots.remove(slot)
        self._taken[slot.slow] -= 1
        standing.running -= 1
        slot.bodies.drop()
        if slot.slow:
            self._kept_back.clear()
        if self.crowded:
            self._freed()
        self._let_in(standing)

    def full(self) -> frozenset[str]:
        """Destinations none of whose queues could begin now; of those that have no place, only the ones seen."""
        full = set(self._kept_back)
        for slot in self._slots:
            standing = self._standings[slot.destination_id]
            if self._is_full(standing):
                standing.refused = True  # its queues that are due will not be asked for
                full.add(slot.destination_id)
        return frozenset(full)

    def forget(self, destination_id: str) -> None:
        """The destination was changed: what it did before says nothing any more."""
        standing = self._standings.get(destination_id)
        if standing is not None:
            standing.slow, standing.since = False, self.now()
        self._kept_back.discard(destination_id)

    def attempted(self, slot: Slot, *, delivered: bool, slow: bool) -> None:
        """Hear how an attempt ended, and whether it took long.

        Each delivery earns a place more, up to the most; a failure halves them, and a slow one leaves one.
        """
        standing = self._standings[slot.destination_id]
        standing.slow = slow and not delivered
        if delivered:
            standing.allowance = min(MOST_A_DESTINATION, standing.allowance + 1)
            standing.since = slot.since
        else:
            standing.allowance = 1 if slow else max(1, standing.allowance // 2)
        self._let_in(standing)

    def _let_in(self, standing: _Standing) -> None:
        """Say so when a destination that was refused a place may have one."""
        if standing.refused and not self._is_full(standing):
            standing.refused = False
            self._freed()

    def move_aside(self) -> None:
        """Move queues whose attempt takes long to the slow lane, as far as that has room."""
        now = self.now()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for slot in self._slots:
            if self._taken[True] >= MOST_SLOW:
                return
            if not slot.slow and now - slot.since > SLOW_SECONDS:
                slot.slow = True
                self._taken[False] -= 1
                self._taken[True] += 1
                if slot.sending:  # else another thread may be loading for it
                    slot.bodies.move(self._budgets[True])

    def _is_full(self, standing: _Standing) -> bool:
        """Whether a destination has all it may: while nothing comes back from it, that is what it has."""
        if not standing.running:
            return False
        most = 1 if standing.slow else standing.allowance
        return standing.running >= most or self.now() - standing.since > SLOW_SECONDS

    def _has_room(self, standing: _Standing) -> bool:
        if standing.slow:
            return self._taken[True] < MOST_SLOW
        most = MOST_QUICK - (KEPT_FOR_OTHERS if standing.running else 0)
        if self._taken[False] >= most:
            self.move_aside()
        return self._taken[False] < most

    def _standing(self, destination_id: str) -> _Standing:
        found = self._standings.get(destination_id)
        if found is None:
            if len(self._standings) >= MOST_REMEMBERED:
                self._standings = {name: each for name, each in self._standings.items() if each.running}
            found = self._standings[destination_id] = _Standing()
        return found
