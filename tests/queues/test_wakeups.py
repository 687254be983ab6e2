"""No lost wake-up: what waited for a destination or credential that has changed is due (invariant 5)."""

import pytest

from tests.queues.conftest import World
from waypost.ids import new_id
from waypost.queues import store
from waypost.queues.model import SHARDS, QueueState, Versions

CREDENTIAL = """
INSERT INTO credential (id, organization_id, environment_id, name, strategy, settings, secret_names, version,
                        created_at, updated_at)
VALUES (:id, 1, :environment, 'c', 's', '{}', '[]', 1, 0, 0)
"""


async def credential(world: World, *destination_ids: str) -> str:
    """A credential that these destinations use."""
    made = new_id()
    await world.traffic.execute(CREDENTIAL, id=made, environment=world.traffic.environment_id)
    for destination_id in destination_ids:
        await world.traffic.execute(
            "UPDATE destination SET credential_id = :made, version = version + 1 WHERE id = :id",
            made=made,
            id=destination_id,
        )
    return made


async def touch(world: World, table: str, row_id: str) -> None:
    await world.traffic.execute(f"UPDATE {table} SET version = version + 1 WHERE id = :id", id=row_id)


async def stale_destinations(world: World) -> list[str]:
    return await world.db.read(lambda tx: store.stale_destinations(tx, range(SHARDS)))


async def stale(world: World, destination_id: str, limit: int = 100) -> list[str]:
    return await world.db.read(lambda tx: world.hot.stale(tx, destination_id, limit))


async def test_the_versions_are_those_of_destination_and_credential(world: World) -> None:
    destination = await world.traffic.destination()

    async def versions(destination_id: str) -> Versions | None:
        return await world.db.read(lambda tx: world.hot.versions(tx, [destination_id]).get(destination_id))

    assert await versions(destination) == Versions(1, 0)
    made = await credential(world, destination)
    assert await versions(destination) == Versions(2, 1)
    await touch(world, "credential", made)
    assert await versions(destination) == Versions(2, 2)
    assert await versions(new_id()) is None


async def test_a_held_queue_that_has_met_the_newest_versions_waits(world: World) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    await world.hold(made.id)
    head = await world.head(made.id)
    assert head.seen == head.now == Versions(1, 0)
    assert not head.may_run(world.clock.now_ms())
    assert await stale(world, made.destination_id) == []
    assert await stale_destinations(world) == []


@pytest.mark.parametrize("table", ["destination", "credential"])
async def test_a_changed_destination_or_credential_makes_its_held_queues_due(world: World, table: str) -> None:
    made, apart = [await world.traffic.subscription() for _ in range(2)]
    used = await credential(world, made.destination_id)
    for each in (made, apart):
        await world.traffic.accept(each)
        await world.hold(each.id, due_at=world.clock.now_ms() + 3_600_000)
    await touch(world, table, used if table == "credential" else made.destination_id)
    assert (await world.head(made.id)).may_run(world.clock.now_ms())
    assert not (await world.head(apart.id)).may_run(world.clock.now_ms())
    assert await stale(world, made.destination_id) == [made.id]
    assert await stale(world, apart.destination_id) == []
    assert await stale_destinations(world) == [made.destination_id]


async def test_an_attempt_that_began_before_the_change_leaves_its_queue_stale(world: World) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    began_with = (await world.head(made.id)).now
    await touch(world, "destination", made.destination_id)
    await world.hold(made.id, seen=began_with)
    assert await stale(world, made.destination_id) == [made.id]


async def test_a_queue_that_failed_with_the_new_settings_waits_again(world: World) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    await world.hold(made.id)
    await touch(world, "destination", made.destination_id)
    await world.hold(made.id, attempts=2)
    assert await stale(world, made.destination_id) == []
    assert not (await world.head(made.id)).may_run(world.clock.now_ms())


async def test_attaching_and_detaching_a_credential_are_changes(world: World) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    await world.hold(made.id)
    await credential(world, made.destination_id)
    assert await stale(world, made.destination_id) == [made.id]


async def test_a_paused_or_ready_queue_is_never_stale(world: World) -> None:
    destination = await world.traffic.destination()
    paused = await world.traffic.subscription(destination_id=destination)
    ready = await world.traffic.subscription(destination_id=destination)
    for each in (paused, ready):
        await world.traffic.accept(each)
    await world.hold(paused.id)
    await world.traffic.execute(
        "UPDATE queue_head SET state = 'paused', due_at = NULL WHERE queue_id = :id", id=paused.id
    )
    await touch(world, "destination", destination)
    assert await stale(world, destination) == []
    assert await stale_destinations(world) == []
    assert (await world.head(paused.id)).state is QueueState.paused
    assert not (await world.head(paused.id)).may_run(world.clock.now_ms())


async def test_a_change_wakes_ten_thousand_queues_without_writing_them(world: World) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    await world.hold(made.id)
    await world.traffic.execute(
        """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO queue_head (queue_id, environment_id, subscription_id, destination_id, shard, cursor, state,
                                due_at, attempts, destination_version, credential_version)
        SELECT 'queue-' || i, environment_id, 'subscription-' || i, destination_id, shard, 0, 'held', due_at, 1,
               destination_version, credential_version FROM n JOIN queue_head h ON h.queue_id = :id
        """,
        id=made.id,
    )
    before = await world.traffic.rows("SELECT * FROM queue_head ORDER BY queue_id")
    await touch(world, "destination", made.destination_id)
    assert await world.traffic.rows("SELECT * FROM queue_head ORDER BY queue_id") == before
    assert len(await stale(world, made.destination_id, 20_000)) == 10_001
    assert len(await stale(world, made.destination_id, 16)) == 16
    assert await stale_destinations(world) == [made.destination_id]
