"""Places: what a destination may have, by what came of its attempts, and what moves aside."""

from collections.abc import Iterator

import pytest

from waypost.delivery import slots
from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.delivery.slots import (
    KEPT_FOR_OTHERS,
    MOST_A_DESTINATION,
    MOST_QUICK,
    MOST_SLOW,
    NoRoom,
    Slot,
    Slots,
)
from waypost.memory import SMALL, Budget
from waypost.queues.model import Pending

ROOM = 10_000_000


class World:
    """Slots whose time is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0
        self.freed = 0
        self.slots = Slots(Budget(ROOM), Budget(ROOM), freed=self.free, now=lambda: self.time)

    def free(self) -> None:
        self.freed += 1

    def begin(self, destination_id: str, count: int) -> list[Slot]:
        """As many of so many queues as get a place."""
        made = (self.slots.begin(f"{destination_id} {number}", destination_id) for number in range(count))
        return [slot for slot in made if slot is not None]

    async def attempt(self, slot: Slot, outcome: Outcome, seconds: float = 0.0) -> None:
        async def sending() -> Outcome:
            self.time += seconds
            return outcome

        await slot.attempt(sending())

    async def earn(self, destination_id: str) -> None:
        """Let a destination have all that one may have."""
        [slot] = self.begin(destination_id, 1)
        for _ in range(MOST_A_DESTINATION):
            await self.attempt(slot, Delivered(200))
        self.slots.end(slot)

    async def hang(self, destination_id: str) -> None:
        """Let an attempt to a destination take long in vain."""
        [slot] = self.begin(destination_id, 1)
        await self.attempt(slot, Failed("It did not answer."), seconds=60)
        self.slots.end(slot)


@pytest.fixture
def world() -> World:
    return World()


async def test_each_delivery_earns_a_place_up_to_the_most(world: World) -> None:
    taken = world.begin("a", 50)
    assert len(taken) == 1
    for deliveries in range(1, 2 * MOST_A_DESTINATION):
        await world.attempt(taken[0], Delivered(200))
        taken += world.begin("a", 50)
        assert len(taken) == min(deliveries + 1, MOST_A_DESTINATION)


async def test_a_quick_failure_halves_the_places_and_one_that_took_long_leaves_one(world: World) -> None:
    await world.earn("a")
    [slot] = world.begin("a", 1)
    await world.attempt(slot, Failed("503"))
    more = world.begin("a", 50)
    assert len(more) == MOST_A_DESTINATION // 2 - 1
    for each in more:
        world.slots.end(each)
    await world.hang("b")
    assert len(world.begin("b", 50)) == 1


async def test_nothing_more_begins_while_nothing_comes_back(world: World) -> None:
    await world.earn("a")
    [slot] = world.begin("a", 1)
    world.time += slots.SLOW_SECONDS + 0.1
    assert world.begin("a", 50) == []
    assert world.slots.full() == {"a"}
    freed = world.freed
    await world.attempt(slot, Delivered(200))  # it was slow, but it answers
    assert world.freed == freed + 1
    assert len(world.begin("a", 50)) == MOST_A_DESTINATION - 1


def test_the_last_places_are_for_destinations_without_one(world: World) -> None:
    assert (
        len([slot for number in range(MOST_QUICK - 1) for slot in world.begin(f"n{number}", 1)]) == MOST_QUICK - 1
    )
    assert len(world.begin("last", 2)) == 1
    assert world.begin("none", 1) == []
    assert world.slots.crowded


async def test_those_with_many_places_cannot_take_the_last_ones(world: World) -> None:
    names = [f"a{number}" for number in range(MOST_QUICK // MOST_A_DESTINATION)]
    for name in names:
        await world.earn(name)
    taken = [slot for name in names for slot in world.begin(name, MOST_A_DESTINATION)]
    assert len(taken) < MOST_QUICK
    assert len(taken) >= MOST_QUICK - KEPT_FOR_OTHERS
    assert len(world.begin("new", 1)) == 1


def test_what_takes_long_moves_aside_when_the_quick_lane_is_full(world: World) -> None:
    for number in range(MOST_QUICK):
        world.begin(f"hanging {number}", 1)
    assert world.begin("healthy", 1) == []
    world.time += slots.SLOW_SECONDS + 0.1
    assert len(world.begin("healthy", 1)) == 1


async def test_those_that_hung_fill_the_slow_lane_only(world: World) -> None:
    names = [f"dead {number}" for number in range(MOST_SLOW + 5)]
    for name in names:
        await world.hang(name)
    began = [slot for name in names for slot in world.begin(name, 1)]
    assert len(began) == MOST_SLOW
    assert world.slots.full() == frozenset(names)
    assert len(world.begin("healthy", 1)) == 1
    world.slots.end(began[0])
    assert world.slots.full() == {*names[1:MOST_SLOW], "healthy"}, "those kept back are asked for again"
    assert len(world.begin(names[-1], 1)) == 1


async def test_a_changed_destination_is_trusted_again(world: World) -> None:
    await world.hang("a")
    world.slots.forget("a")
    [slot] = world.begin("a", 1)
    assert not slot.slow


def pending(*sizes: int) -> Iterator[Pending]:
    """Messages of these sizes."""
    for number, size in enumerate(sizes):
        yield Pending(number, "", "", None, "", "", 0, 0, bytes(size))


def loaded(slot: Slot, *sizes: int) -> int:
    """How many of these there is room for."""
    slot.bodies.restart()
    return len(list(slot.within(pending(*sizes))))


def test_a_load_shrinks_when_there_is_little_room(world: World) -> None:
    [first], [second], [third] = (world.begin(name, 1) for name in "abc")
    assert loaded(first, 1_000_000, *[1_000_000] * 20) == 5, "later messages leave half for others"
    assert loaded(second, 1_000_000, 1_000_000) == 1
    assert loaded(third, SMALL // 2, SMALL // 2, SMALL // 2) == 2, "small ones need no room"
    with pytest.raises(NoRoom):
        loaded(third, 9_000_000)
    world.slots.end(first)
    assert loaded(third, 8_000_000) == 1


async def test_a_large_message_waits_for_its_room_and_goes_to_rest_without_it(world: World) -> None:
    [first], [second] = (world.begin(name, 1) for name in "ab")
    assert loaded(first, 9_000_000) == 1
    reads = 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        return len(list(second.within(pending(9_000_000))))

    with pytest.raises(NoRoom):
        await second.load(read)
    with pytest.raises(NoRoom):
        await second.load(read)
    assert reads == 1, "it is known how large it is: nothing is read before there is room"
    world.slots.end(first)
    assert await second.load(read) == 1
