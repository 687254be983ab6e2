"""Taking away child queues in which nothing waits: rows are there for the patients of now, not for all ever."""

from functools import partial

from waypost.background import Loop
from waypost.db.database import Database
from waypost.delivery.ownership import Ownership
from waypost.queues import children

TIDY_SECONDS = 15.0


class Tidying:
    """Tidies this node's shards. `start` and `stop` are safe to call twice."""

    def __init__(self, db: Database, ownership: Ownership) -> None:
        self._db = db
        self._ownership = ownership
        self._loop = Loop("tidying", self._turn, rest_seconds=TIDY_SECONDS)

    async def start(self) -> None:
        """Begin, and go on every few seconds."""
        self._loop.start(after_seconds=TIDY_SECONDS)

    async def stop(self) -> None:
        """Begin nothing new; what was begun is one transaction."""
        await self._loop.stop()

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

    async def _turn(self) -> float:
        await self.tidy()
        return TIDY_SECONDS
