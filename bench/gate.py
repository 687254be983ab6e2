"""Commands that keep messages back until all is ready: on a shared store workers are processes of their own."""

import asyncio
import time

import sqlalchemy as sa

from waypost.app import Waypost
from waypost.db.database import Tx
from waypost.queues.model import SHARDS
from waypost.queues.shards import shard
from waypost.queues.store import queue_head

SHARED_SECONDS = 60
POLL_SECONDS = 0.1


class Gate:
    """The commands."""

    def __init__(self, waypost: Waypost) -> None:
        self._waypost = waypost

    async def hold(self) -> None:
        """Have every queue wait, whatever comes in."""
        await self._waypost.ground.db.write(lambda tx: _all(tx, state="paused", due_at=None))

    async def release(self) -> float:
        """Let all of them go at once; the moment just before."""
        now, began = self._waypost.ground.clock.now_ms(), time.monotonic()
        await self._waypost.ground.db.write(lambda tx: _all(tx, state="ready", due_at=now))
        return began

    async def shared(self, *, workers: int) -> None:
        """Wait until so many workers have a fair share of the shards each. Raises TimeoutError."""
        end = time.monotonic() + SHARED_SECONDS
        while not _fair(await self._waypost.ground.db.read(_shares), workers):
            if time.monotonic() > end:
                raise TimeoutError(f"{workers} workers did not share the shards.")
            await asyncio.sleep(POLL_SECONDS)


def _all(tx: Tx, **values: object) -> None:
    tx.execute(queue_head.update().values(**values))


def _shares(tx: Tx) -> list[int]:
    owned = sa.select(sa.func.count()).where(shard.c.owner != "").group_by(shard.c.owner)
    return list(tx.scalars(owned))


def _fair(shares: list[int], workers: int) -> bool:
    return len(shares) == workers and sum(shares) == SHARDS and max(shares) <= -(-SHARDS // workers)
