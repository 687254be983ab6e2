"""A worker that is cut off from its database: what it owned is another's after the lease, and it comes back."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support import postgresql
from tests.support.waiting import eventually
from torture.proxy import CUT, PASS, SWALLOW, Proxy, Way
from waypost.clock import Clock
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.delivery.due import DueClock
from waypost.delivery.ownership import LEASE_SECONDS, Ownership
from waypost.queues import postgresql as hot
from waypost.queues.model import SHARDS

SECONDS = LEASE_SECONDS + 10


def owned(worker: Ownership) -> set[int]:
    return {shard for shard in range(SHARDS) if worker.owns(shard)}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def worker(url: str, stack: AsyncExitStack) -> Ownership:
    """One that delivers nothing, but owns shards."""
    db = PostgresqlDatabase(url)
    stack.push_async_callback(db.close)
    made = Ownership(db, hot, DueClock(Clock()), longest_seconds=60)
    await made.begin(busy=lambda _: False, changed=lambda gained, lost: None)
    stack.push_async_callback(made.end)
    return made


@pytest.mark.parametrize("way", [CUT, SWALLOW], ids=["cut", "silent"])
async def test_a_worker_without_its_database_owns_nothing_after_its_lease(stack: AsyncExitStack, way: Way) -> None:
    server = postgresql.shared()
    url = await server.database()
    stack.push_async_callback(server.drop, url)
    proxy = stack.enter_context(Proxy(server.port))
    alone = await worker(url.replace(str(server.port), str(proxy.port)), stack)
    assert len(owned(alone)) == SHARDS
    proxy.become(way)
    other = await worker(url, stack)

    def apart(worker: Ownership, shards: int) -> bool:
        """Whether the worker owns so many; it ends here before it ends for others, so that never two own one."""
        assert not owned(alone) & owned(other)
        return len(owned(worker)) == shards

    await eventually(lambda: apart(alone, 0), "the end of the lease", seconds=SECONDS)
    await eventually(lambda: apart(other, SHARDS), "the take-over", seconds=SECONDS)
    proxy.become(PASS)
    await eventually(lambda: apart(alone, SHARDS // 2), "its share", seconds=SECONDS)
