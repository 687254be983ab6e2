"""What is delivered at the same time is recorded together, and each as if it were alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.conftest import SetClock
from tests.queues.conftest import World
from tests.support import traffic
from waypost.db.database import Beside, Database, Tx
from waypost.db.sqlite import library
from waypost.delivery.due import DueClock
from waypost.delivery.model import Delivered, Failed, Schedule
from waypost.delivery.settling import Attempted, Settled, Settling
from waypost.errors import Unavailable
from waypost.queues.model import QueueState, Versions


@pytest.fixture
async def world(db: Database, clock: SetClock) -> World:
    made = World(await traffic.found(db, clock), clock)
    await made.take_over("this one")
    return made


async def attempted(world: World, count: int, **more: Any) -> list[Attempted]:
    """Attempts that delivered a message each, of as many queues."""
    found = []
    for _ in range(count):
        made = await world.traffic.subscription()
        await world.traffic.accept(made)
        sent, fence, seen = await world.first(made.id), await world.fence(made.id), Versions(1, 0)
        given = Attempted(made.destination_id, fence, sent, Delivered(200), world.ended(), seen, 0, 0, None, True)
        found.append(replace(given, **more))
    return found


def settling(world: World) -> Settling:
    return Settling(world.db, world.hot, DueClock(world.clock), Schedule((10.0,)))


async def at_once(world: World, given: list[Attempted]) -> list[Settled | BaseException | None]:
    records = settling(world)
    return await asyncio.gather(*(records.recorded(each) for each in given), return_exceptions=True)


async def test_what_ends_at_once_shares_few_commits(world: World) -> None:
    given = await attempted(world, 60)
    before = world.commits
    assert await at_once(world, given) == [Settled(QueueState.idle, unchanged=True, due_now=False)] * 60
    assert world.commits - before <= 3
    assert await world.traffic.rows("SELECT 1 FROM log WHERE state = 'pending'") == []


async def test_a_destination_that_changed_meanwhile_is_told_of_each(world: World) -> None:
    given = await attempted(world, 6)
    await world.traffic.execute("UPDATE destination SET version = 2 WHERE id = :id", id=given[4].destination_id)
    settled = await at_once(world, given)
    assert [isinstance(each, Settled) and each.unchanged for each in settled] == [True] * 4 + [False, True]


async def test_of_two_owners_of_a_queue_the_right_one_counts(world: World) -> None:
    given = await attempted(world, 6)
    stale = replace(given[5], fence=replace(given[5].fence, epoch=0), ended=world.ended())
    settled = await at_once(world, [*given[:5], stale, given[5]])
    assert [each is None for each in settled] == [False] * 5 + [True, False]
    assert len(await world.traffic.rows("SELECT 1 FROM attempt")) == 6


async def test_what_does_harm_is_refused_alone(world: World) -> None:
    given = await attempted(world, 6)
    given[4] = replace(given[4], ended=given[5].ended)
    [*well, one, another] = await at_once(world, given)
    assert [isinstance(each, Settled) for each in well] == [True] * 4
    assert sorted(isinstance(each, Settled) for each in (one, another)) == [False, True]
    assert any(isinstance(each, (sa.exc.IntegrityError, library().IntegrityError)) for each in (one, another))


async def test_what_fails_is_recorded_beside_what_is_delivered(world: World) -> None:
    given = await attempted(world, 6)
    given[3] = replace(given[3], outcome=Failed("No.", 503), ended=world.ended(outcome="failed", status=503))
    settled = await at_once(world, given)
    states = [each.state for each in settled if isinstance(each, Settled)]
    assert states == [QueueState.idle] * 3 + [QueueState.held] + [QueueState.idle] * 2


class Away:
    """The store, away as long as it is said to be."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.is_away = True
        self.refused = asyncio.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def write(self, fn: Callable[[Tx], Any], *, beside: Beside | None = None) -> Any:
        if self.is_away:
            self.refused.release()
            raise Unavailable("The store is away.")
        return await self._db.write(fn, beside=beside)


async def test_what_ends_while_the_store_is_away_is_recorded_once_it_is_back_and_told_of_once(
    world: World,
) -> None:
    given = await attempted(world, 6)
    store = Away(world.db)
    records = Settling(store, world.hot, DueClock(world.clock), Schedule((10.0,)))
    with capture_logs() as lines:
        recording = [asyncio.create_task(records.recorded(each)) for each in given]
        await asyncio.wait_for(store.refused.acquire(), 10)
        store.is_away = False
        settled = await asyncio.gather(*recording)
    assert settled == [Settled(QueueState.idle, unchanged=True, due_now=False)] * 6
    assert [line["event"] for line in lines] == ["attempts.unrecorded", "attempts.recorded"]
    assert await world.traffic.rows("SELECT 1 FROM log WHERE state = 'pending'") == []
