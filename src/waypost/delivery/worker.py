"""The worker: finds queues whose time has come and gives each a slot to run in, within its bounds.

A queue that runs holds one slot; one that is idle, held or paused holds none, whatever its backlog. No queue
has two slots at once.
"""

import asyncio
from dataclasses import dataclass

import structlog

from waypost.background import ended
from waypost.db.database import Database, Tx
from waypost.delivery.due import DueClock
from waypost.delivery.ownership import Ownership
from waypost.delivery.runner import Runner
from waypost.delivery.slots import MOST_A_DESTINATION, MOST_QUICK, NoRoom, Slot, Slots
from waypost.delivery.target import Targets
from waypost.delivery.tidying import Tidying
from waypost.destinations import store as destinations
from waypost.errors import Unavailable
from waypost.memory import Budget
from waypost.queues import store as queues
from waypost.queues.model import shard_of
from waypost.queues.port import Hot

POLL_SECONDS = 1.0
SHARED_POLL_SECONDS = 0.5
"""How soon a message that another node accepted is seen."""
CROWDED_SECONDS = 0.25
"""How soon to look again while queues that are due find no place."""
REST_SECONDS = 2.0

log = structlog.get_logger("waypost.delivery")


@dataclass(frozen=True, slots=True)
class _Running:
    """A queue that runs."""

    slot: Slot
    shard: int
    task: asyncio.Task[bool]


class Worker:
    """Delivers on this node. `start` and `stop` are safe to call twice.

    `quick` and `slow` are how much of message bodies may be in memory for those that run in each lane.
    """

    def __init__(
        self,
        db: Database,
        hot: Hot,
        due: DueClock,
        runner: Runner,
        targets: Targets,
        ownership: Ownership,
        *,
        quick: Budget,
        slow: Budget,
    ) -> None:
        self._db = db
        self._hot = hot
        self._due_clock = due
        self._runner = runner
        self._targets = targets
        self._ownership = ownership
        self._tidying = Tidying(db, ownership)
        self._running: dict[str, _Running] = {}
        self._turn = -1
        self._again: set[str] = set()
        self._resting: set[str] = set()
        self._woken: set[str] = set()
        self._woken_credentials: set[str] = set()
        self._poke = asyncio.Event()
        self._slots = Slots(quick, slow, freed=self._poke.set)
        self._claiming: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Own a share of the shards and begin to deliver."""
        if self._claiming is not None:
            return
        self._stopping = False
        await self._ownership.begin(busy=self._is_busy, changed=self._owns_others)
        self._claiming = asyncio.create_task(self._claim_until_stopped(), name="waypost-worker")
        await self._tidying.start()

    async def stop(self, *, within_seconds: float = 30) -> None:
        """Begin nothing new, let attempts in flight end for so long, and leave the rest queued."""
        if self._claiming is None:
            return
        self._stopping = True
        self._poke.set()
        await self._tidying.stop()
        await self._claiming
        self._claiming = None
        tasks = [each.task for each in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=within_seconds)
        await ended(*tasks)
        await self._ownership.end()

    def is_running(self, queue_id: str) -> bool:
        """Whether a message of this queue is on its way."""
        return queue_id in self._running

    def arrived(self, queue_id: str, destination_id: str) -> None:
        """Hear that a message was accepted into a queue: an idle one begins at once."""
        if queue_id in self._running:
            self._again.add(queue_id)
        elif self._claiming is not None:
            self._run(queue_id, destination_id)

    def wake(self, destination_id: str) -> None:
        """Hear that a destination changed: its held queues are tried at once."""
        self._targets.forget(destination_id)
        self._slots.forget(destination_id)
        self._woken.add(destination_id)
        self._poke.set()

    def wake_credential(self, credential_id: str) -> None:
        """Hear that a credential changed: the same for every destination that uses it."""
        self._targets.forget_credential(credential_id)
        self._woken_credentials.add(credential_id)
        self._poke.set()

    async def _claim_until_stopped(self) -> None:
        while not self._stopping:
            self._poke.clear()
            try:
                pause = await self._claim()
            except Unavailable as error:
                log.warning("store.unavailable", detail=error.detail)
                pause = REST_SECONDS
            except Exception as error:  # a fault of ours must not end all delivery
                log.error("worker.failed", exc_info=error)
                pause = REST_SECONDS
            try:
                await asyncio.wait_for(self._poke.wait(), pause)
            except TimeoutError:
                continue

    async def _claim(self) -> float:
        """Run every queue that is due, as far as there is room; the seconds until the next one may be."""
        self._slots.crowded = False
        await self._claim_woken()
        poll = SHARED_POLL_SECONDS if self._db.shared else POLL_SECONDS
        if not self._ownership.claimable():
            return poll
        next_due = await self._claim_due(self._due_clock.now_ms())
        await self._look_for_changes()
        if self._slots.crowded:
            poll = CROWDED_SECONDS
        if next_due is None:
            return poll
        return min(poll, max(0.001, (next_due - self._due_clock.now_ms()) / 1000))

    async def _look_for_changes(self) -> None:
        """Wake what changed while nobody told this node: elsewhere, or before it came to own the shards."""
        before, shards = self._turn, self._ownership.claimable()

        def look(tx: Tx) -> tuple[int, list[str]]:
            turn = self._hot.turn(tx)
            return turn, [] if turn == before else queues.stale_destinations(tx, shards)

        turn, stale = await self._db.read(look)
        if self._turn == before:  # else shards came meanwhile: look again
            self._turn = turn
        self._woken.update(stale)
        if stale:
            self._poke.set()

    def _owns_others(self, gained: frozenset[int], lost: frozenset[int]) -> None:
        """Hear that shards came or went: what runs in a lost one ends, its owner is another by now."""
        self._turn = -1
        for each in self._running.values():
            if each.shard in lost:
                each.task.cancel()
        self._poke.set()

    async def _claim_due(self, now_ms: int) -> int | None:
        """Run what is due; when the next one will be.

        A page may be filled by destinations that have all their slots: they must not hide the others behind them.
        """
        full = self._slots.full()
        while True:
            limit = MOST_QUICK + len(self._running)
            due, next_due = await self._due(now_ms, limit, full)
            for queue_id, destination_id in due:
                self._run(queue_id, destination_id)
            before, full = full, self._slots.full()
            if len(due) < limit or full <= before:
                return next_due

    async def _due(
        self, now_ms: int, limit: int, full: frozenset[str]
    ) -> tuple[list[tuple[str, str]], int | None]:
        shards = self._ownership.claimable()
        return await self._db.read(lambda tx: self._hot.due(tx, now_ms, limit, shards, full))

    async def _claim_woken(self) -> None:
        """Run the held queues of what changed, a page at a time; forget it once none is left."""
        for credential_id in list(self._woken_credentials):
            self._woken_credentials.discard(credential_id)
            self._woken.update(await self._users_of(credential_id))
        for destination_id in list(self._woken):
            self._woken.discard(destination_id)  # before the read: a wake-up during it must not be lost
            if not self._ownership.owns(shard_of(destination_id)):
                continue
            limit = 2 * MOST_A_DESTINATION
            stale = await self._stale(destination_id, limit)
            for queue_id in stale:
                self._run(queue_id, destination_id)
            if stale:
                self._woken.add(destination_id)

    async def _users_of(self, credential_id: str) -> list[str]:
        return await self._db.read(lambda tx: destinations.users_of_credential(tx, credential_id))

    async def _stale(self, destination_id: str, limit: int) -> list[str]:
        return await self._db.read(lambda tx: self._hot.stale(tx, destination_id, limit))

    def _run(self, queue_id: str, destination_id: str) -> None:
        """Give a queue a slot, unless it has one, rests, is another's, or there is none for its destination."""
        if queue_id in self._running or queue_id in self._resting or self._stopping:
            return
        shard = shard_of(destination_id)
        if not self._ownership.owns(shard):
            return
        slot = self._slots.begin(queue_id, destination_id)
        if slot is None:
            return
        task = asyncio.create_task(self._runner.run(slot, lambda: self._must_stop(shard)))
        self._running[queue_id] = _Running(slot, shard, task)
        task.add_done_callback(lambda done: self._ran(queue_id, done))

    def _must_stop(self, shard: int) -> bool:
        return self._stopping or not self._ownership.owns(shard)

    def _is_busy(self, shard: int) -> bool:
        return any(each.shard == shard for each in self._running.values())

    def _ran(self, queue_id: str, task: asyncio.Task[bool]) -> None:
        slot = self._running.pop(queue_id).slot
        self._slots.end(slot)
        again = queue_id in self._again
        self._again.discard(queue_id)
        if task.cancelled():
            return
        if error := task.exception():
            self._rest(queue_id, error)
        elif again or task.result() or slot.destination_id in self._woken:
            self._poke.set()

    def _rest(self, queue_id: str, error: BaseException) -> None:
        """Leave a queue alone for a while: no room for its message, a store that is away, or a fault of ours."""
        if not isinstance(error, NoRoom):
            log.error("queue.rests", queue_id=queue_id, exc_info=error)
        self._resting.add(queue_id)
        asyncio.get_running_loop().call_later(REST_SECONDS, self._rested, queue_id)

    def _rested(self, queue_id: str) -> None:
        self._resting.discard(queue_id)
        self._poke.set()
