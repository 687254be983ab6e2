"""An environment at its quota: what is taken, what is refused, and what refusing costs."""

import pytest

from tests.conftest import SetClock
from tests.messages.conftest import World, a_message
from waypost.db.database import Database
from waypost.messages.service import Given
from waypost.quotas import store
from waypost.quotas.model import QuotaReached, Quotas


async def bound(world: World, quotas: Quotas) -> None:
    await world.db.write(lambda tx: store.put(tx, world.traffic.environment_id, quotas))
    await world.intake.meter.look()
    world.db.reads = world.db.writes = 0


async def test_without_a_quota_the_store_is_not_asked_for_one(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    world.db.reads = world.db.writes = 0
    for _ in range(3):
        await world.accept(a_message(made.destination_id))
    assert (world.db.reads, world.db.writes) == (0, 3)


async def test_under_a_quota_the_store_is_asked_for_nothing_more(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await bound(world, Quotas(messages_per_second=1000, pending_logs=1000))
    for _ in range(3):
        await world.accept(a_message(made.destination_id))
    assert (world.db.reads, world.db.writes) == (0, 3)


async def test_whoever_is_refused_costs_the_store_nothing(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await bound(world, Quotas(pending_logs=1))
    for _ in range(3):
        with pytest.raises(QuotaReached) as refused:
            await world.accept(a_message(made.destination_id))
    assert (refused.value.quota, refused.value.limit, refused.value.retry_after_seconds) == ("pendingLogs", 1, 5)
    assert (world.db.reads, world.db.writes) == (0, 0)


async def test_so_many_logs_may_wait_whoever_counts_them(world: World) -> None:
    """What was there before, and what was accepted since the last look."""
    made = await world.traffic.subscription()
    for _ in range(2):
        await world.accept(a_message(made.destination_id))
    await bound(world, Quotas(pending_logs=5))
    for _ in range(2):
        await world.accept(a_message(made.destination_id))
    await world.intake.meter.look()
    await world.accept(a_message(made.destination_id))
    with pytest.raises(QuotaReached):
        await world.accept(a_message(made.destination_id))
    assert (await world.counts())["log"] == 5


async def test_room_that_deliveries_made_is_found_by_the_next_look(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await bound(world, Quotas(pending_logs=1))
    with pytest.raises(QuotaReached):
        await world.accept(a_message(made.destination_id))
    await world.db.write(lambda tx: tx.exec_driver_sql("UPDATE queue_head SET delivered = 1"))
    await world.intake.meter.look()
    await world.accept(a_message(made.destination_id))


async def test_a_window_is_taken_as_far_as_there_is_room(world: World) -> None:
    made = await world.traffic.subscription()
    await bound(world, Quotas(pending_logs=3))
    given = [Given(a_message(made.destination_id))] * 5
    found = await world.intake.accept_all(world.traffic.environment_id, given)
    assert [isinstance(each, dict) for each in found] == [True] * 3 + [False] * 2
    assert all(isinstance(each, QuotaReached) for each in found[3:])


async def test_the_messages_of_a_second_are_those_of_any_second(world: World, clock: SetClock) -> None:
    made = await world.traffic.subscription()
    await bound(world, Quotas(messages_per_second=2))
    for _ in range(2):
        await world.accept(a_message(made.destination_id))
    with pytest.raises(QuotaReached) as refused:
        await world.accept(a_message(made.destination_id))
    assert (refused.value.quota, refused.value.retry_after_seconds) == ("messagesPerSecond", 1)
    clock.advance(0.5)
    await world.accept(a_message(made.destination_id))
    with pytest.raises(QuotaReached):
        await world.accept(a_message(made.destination_id))
    clock.advance(60)
    for _ in range(2):
        await world.accept(a_message(made.destination_id))
    with pytest.raises(QuotaReached):
        await world.accept(a_message(made.destination_id))


async def test_a_look_gives_no_messages_away(world: World) -> None:
    made = await world.traffic.subscription()
    await bound(world, Quotas(messages_per_second=1))
    await world.accept(a_message(made.destination_id))
    await world.intake.meter.look()
    with pytest.raises(QuotaReached):
        await world.accept(a_message(made.destination_id))


async def test_a_quota_that_is_gone_bounds_nothing(world: World, db: Database) -> None:
    made = await world.traffic.subscription()
    await bound(world, Quotas(messages_per_second=1))
    await bound(world, Quotas())
    assert await db.read(store.every) == {}
    for _ in range(3):
        await world.accept(a_message(made.destination_id))
