"""How an environment stands: its queues by state, what holds at each destination, and the oldest that waits."""

import pytest

from tests.conftest import SetClock
from tests.support import traffic
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.queues import figures, oldest
from waypost.queues.figures import Holding


@pytest.fixture
async def made(db: Store, clock: SetClock) -> Traffic:
    return await traffic.found(db, clock)


async def hold(
    made: Traffic, queue_id: str, *, since: int | None, reason: str | None, state: str = "held"
) -> None:
    await made.execute(
        "UPDATE queue_head SET state = :state, held_since = :since, reason = :reason, last_status = 503,"
        " due_at = 99 WHERE queue_id = :id",
        id=queue_id, since=since, reason=reason, state=state,
    )  # fmt: skip


async def holding(made: Traffic, count: int = 10) -> list[Holding]:
    return await made.db.read(lambda tx: figures.holding(tx, made.environment_id, count, queues=2))


async def test_what_a_destination_holds_is_one_line_with_the_words_of_what_is_held_longest(made: Traffic) -> None:
    destination_id, source_id = await made.destination(), await made.source()
    first = await made.subscription(source_id, destination_id)
    second = await made.subscription(source_id, destination_id, "Order")
    other = await made.subscription()
    await made.subscription()
    for each in (first, second, second, other):
        await made.accept(each)
    await hold(made, first.id, since=200, reason="later")
    await hold(made, second.id, since=100, reason="first")
    await hold(made, other.id, since=150, reason="other")
    found = await holding(made)
    shown = [(each.destination_id, each.queues, each.depth, [one.queue_id for one in each.some]) for each in found]
    assert shown == [
        (destination_id, 2, 3, [second.id, first.id]),
        (other.destination_id, 1, 1, [other.id]),
    ]
    longest = found[0].longest
    assert (longest.reason, longest.held_since, longest.last_status, longest.next_attempt_at) == (
        "first", 100, 503, 99,
    )  # fmt: skip
    assert len(await holding(made, 1)) == 1


async def test_a_queue_that_waits_for_others_is_held_behind_those_that_say_why(made: Traffic) -> None:
    waiting, held = await made.subscription(), await made.subscription()
    await hold(made, waiting.id, since=None, reason=None, state="waiting")
    await hold(made, held.id, since=100, reason="why")
    assert [each.longest.queue_id for each in await holding(made)] == [held.id, waiting.id]


async def test_closed_queues_hold_nothing(made: Traffic) -> None:
    gone = await made.subscription()
    await hold(made, gone.id, since=100, reason="why")
    await made.execute("UPDATE queue_head SET closed_at = 1")
    assert await holding(made) == []


async def test_one_environment_is_figured_as_it_is_among_all(made: Traffic, clock: SetClock) -> None:
    queue = await made.subscription()
    await made.accept(queue)
    clock.advance(30)
    await made.accept(queue)
    await hold(made, queue.id, since=clock.now_ms() - 10_000, reason="why")
    now = clock.now_ms()
    at = await made.db.read(lambda tx: oldest.of_environment(tx, made.environment_id))
    one = await made.db.read(lambda tx: figures.of_environment(tx, made.environment_id, at, now))
    every = await made.db.read(lambda tx: figures.of_environments(tx, now))
    assert one == next(each for each in every if each.id == made.environment_id)
    assert (one.accepted, one.pending, one.queues["held"]) == (2, 2, 1)
    assert (one.oldest_seconds, one.held_seconds) == (30, 10)
