"""Skip on any node: a message on its way is known to the owner of its queue alone, so the owner carries it out.

An attempt writes nothing before it sends (invariant 3). A node that does not own the queue asks by an
errand, waits a moment for its outcome, and takes it back when nobody answers.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from waypost.access import ENGINEER, Caller
from waypost.background import Loop
from waypost.db.database import Database, Tx
from waypost.errors import Conflict, Unavailable, WaypostError
from waypost.ids import new_id
from waypost.queues import errands
from waypost.queues.errands import DONE, Errand
from waypost.queues.model import QueueView, shard_of
from waypost.queues.port import Hot
from waypost.queues.service import Queues, QueueSkip
from waypost.validation import checked

LOOK_SECONDS = 0.5
REST_SECONDS = 1.0
ASK_SECONDS = 0.1
MOST_LOOKS = 50
OWNERS_SECONDS = 5.0
"""What is asked longer ago is not begun: whoever asked is about to take it back."""


class Skipping:
    """`owned` gives the shards of this node. `start` and `stop` are safe to call twice."""

    def __init__(self, db: Database, hot: Hot, queues: Queues, owned: Callable[[], Collection[int]]) -> None:
        self._db = db
        self._hot = hot
        self._queues = queues
        self._owned = owned
        self._loop = Loop("errands", self._look, rest_seconds=REST_SECONDS)

    async def start(self) -> None:
        """Carry out what other nodes ask of this one's queues."""
        if self._db.shared:
            self._loop.start()

    async def stop(self) -> None:
        """Carry out nothing more."""
        await self._loop.stop()

    async def skip(self, caller: Caller, queue_id: str, raw: Any) -> QueueView:
        """As `Queues.skip`. Raises Unavailable when no node that owns the queue answers."""
        if not self._db.shared:
            return await self._queues.skip(caller, queue_id, raw)
        queue = await self._queues.get(caller, queue_id, ENGINEER)
        shard = shard_of(queue.destination_id)
        if shard in self._owned():
            return await self._queues.skip(caller, queue_id, raw)
        wanted = Errand(new_id(), shard, queue.queue_id, caller, checked(QueueSkip, raw).model_dump())
        await self._db.write(lambda tx: errands.ask(tx, wanted, queue.environment_id, self._hot.now_ms(tx)))
        found = await self._answered(wanted.id)
        if found is None:
            detail = "No node that delivers has answered; nothing was skipped. Try again."
            raise Unavailable(detail, code="no_owner")
        if found != DONE:
            raise Conflict(found["detail"], code=found["code"])
        return await self._queues.get(caller, queue_id)

    async def _answered(self, errand_id: str) -> dict[str, str] | None:
        for _ in range(MOST_LOOKS):
            await asyncio.sleep(ASK_SECONDS)
            if await self._db.read(lambda tx: errands.outcome(tx, errand_id)) is not None:
                break
        return await self._db.write(lambda tx: errands.take_back(tx, errand_id))

    async def _look(self) -> float:
        for asked in await self._db.read(self._asked):
            await self._carry_out(asked)
        return LOOK_SECONDS

    def _asked(self, tx: Tx) -> list[Errand]:
        since = self._hot.now_ms(tx) - round(OWNERS_SECONDS * 1000)
        return errands.open_(tx, self._owned(), since)

    async def _carry_out(self, asked: Errand) -> None:
        """Skip, and say so in one transaction; or say why not."""

        def also(tx: Tx) -> None:
            if not errands.finish(tx, asked.id, DONE):
                raise _TakenBack("Whoever asked has taken it back.")

        try:
            await self._queues.skip(asked.caller, asked.queue_id, asked.body, also=also)
        except _TakenBack:
            return
        except Unavailable:
            raise
        except WaypostError as error:
            why = {"code": error.reason_code, "detail": error.detail}
            await self._db.write(lambda tx: errands.finish(tx, asked.id, why))


class _TakenBack(Conflict):
    """Nobody waits for the outcome any more."""
