"""Taking away child queues in which nothing waits: rows are there for the patients of now, not for all ever."""

import asyncio
from functools import partial

import structlog

from waypost.db.database import Database
from waypost.delivery.ownership import Ownership
from waypost.queues import children

TIDY_SECONDS = 15.0

log = structlog.get_logger("waypost.delivery")


class Tidying:
    """Tidies this node's shards. `start` and `stop` are safe to call twice."""

    def __init__(self, db: Database, ownership: Ownership) -> None:
        self._db = db
        self._ownership = ownership
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, and go on every few seconds."""
        if self._task is None:
            self._task = asyncio.create_task(self._tidy_until_stopped(), name="waypost-tidying")

    async def stop(self) -> None:
        """Begin nothing new; what was begun is one transaction."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def tidy(self) -> int:
        """Take away what is idle now; how many queues."""
        removed = 0
        while shards := self._ownership.claimable():
            found = await self._db.read(partial(children.idle, shards=shards))
            gone = await self._db.write(partial(children.remove, queue_ids=found)) if found else 0
            removed += gone
            if not gone:
                break
        return removed

    async def _tidy_until_stopped(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                await self.tidy()
            except Exception as error:  # a store that is away, or a fault of ours: neither may end it
                log.warning("tidying.rests", error=type(error).__name__)
