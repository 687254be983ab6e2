"""The message that waits longest, with and without what was found before."""

from tests.queues.conftest import World
from waypost.queues import oldest
from waypost.queues.model import QueueState
from waypost.subscriptions.model import Subscription


async def at(world: World, known: int | None = None, among: int = 10) -> int | None:
    here = world.traffic.environment_id
    return await world.db.read(lambda tx: oldest.of_environment(tx, here, known, among=among))


async def accepted(world: World, *queues: Subscription) -> list[int]:
    """A message for each, ten seconds apart; when they were accepted."""
    found = []
    for each in queues:
        found.append(world.clock.now_ms())
        await world.traffic.accept(each)
        world.clock.advance(10)
    return found


async def test_it_is_the_oldest_of_all_heads_whatever_was_known(world: World) -> None:
    first, second = await world.traffic.subscription(), await world.traffic.subscription()
    assert await at(world) is None
    times = await accepted(world, first, second, first)
    known = None
    for queue, expected in ((first, times[0]), (second, times[1]), (first, times[2])):
        assert await at(world) == await at(world, known) == expected
        known = expected
        assert (await world.advance(queue.id)) is not None
    assert await at(world) is await at(world, known) is None


async def test_what_is_known_is_not_looked_for_again_among_the_heads(world: World) -> None:
    queue = await world.traffic.subscription()
    [first, _] = await accepted(world, queue, queue)
    await world.traffic.execute("DELETE FROM entry")
    assert (await at(world), await at(world, first)) == (None, first)


async def test_far_behind_what_was_known_the_heads_say_it(world: World) -> None:
    queue = await world.traffic.subscription()
    times = await accepted(world, queue, queue, queue, queue)
    for _ in range(3):
        assert await world.advance(queue.id) is QueueState.ready
    assert await at(world, times[0], among=2) == times[3]


async def test_a_clock_that_was_set_back_hides_nothing(world: World) -> None:
    queue = await world.traffic.subscription()
    world.clock.advance(3600)
    [known] = await accepted(world, queue)
    world.clock.advance(-3600)
    [later] = await accepted(world, queue)
    assert await at(world, known) == known
    await world.advance(queue.id)
    assert await at(world, known) == later < known


async def test_every_environment_has_its_own(world: World) -> None:
    queue = await world.traffic.subscription()
    [first] = await accepted(world, queue)
    assert await world.db.read(oldest.of_environments) == {world.traffic.environment_id: first}
    await world.advance(queue.id)
    assert await world.db.read(oldest.of_environments) == {}
