"""Settling: a cursor moves, nothing is deleted, and a stale owner changes nothing (invariant 3)."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.queues.conftest import World
from waypost.db.database import Tx
from waypost.ids import new_id
from waypost.queues import store
from waypost.queues.model import SHARDS, Delivery, QueueState, Versions
from waypost.queues.port import rows_of_settle
from waypost.subscriptions.model import Subscription


async def loaded(world: World, messages: int) -> tuple[Subscription, list[str]]:
    """A queue with so many messages, and their log ids."""
    made = await world.traffic.subscription()
    return made, [log for _ in range(messages) for log in await world.traffic.accept(made)]


async def test_a_queue_goes_from_idle_over_ready_to_idle(world: World) -> None:
    made, _ = await loaded(world, 2)
    assert await world.advance(made.id) is QueueState.ready
    assert await world.advance(made.id) is QueueState.idle
    head = await world.head(made.id)
    assert (head.state, head.due_at, head.cursor, await world.waiting(made.id)) == (QueueState.idle, None, 2, [])
    await world.traffic.accept(made)
    assert (await world.head(made.id)).state is QueueState.ready
    assert await world.advance(made.id) is QueueState.idle


async def test_a_ready_queue_is_due_again_at_once(world: World) -> None:
    made, _ = await loaded(world, 2)
    world.clock.advance(5)
    await world.advance(made.id)
    assert (await world.head(made.id)).due_at == world.clock.now_ms()


async def test_the_end_of_a_message_is_recorded_in_log_and_attempt(world: World) -> None:
    made, [log_id] = await loaded(world, 1)
    ended = world.ended(status=204)
    fence, sent = await world.fence(made.id), await world.first(made.id)
    await world.db.write(lambda tx: world.hot.advance(tx, fence, sent, ended, Versions(1, 0)))
    [log] = await world.traffic.rows("SELECT * FROM log")
    assert (log.state, log.attempts, log.updated_at, log.ended_at) == (
        "delivered", 1, ended.ended_at, ended.ended_at,
    )  # fmt: skip
    [attempt] = await world.traffic.rows("SELECT * FROM attempt")
    assert tuple(attempt) == (
        ended.attempt_id, log_id, ended.started_at, ended.ended_at, "delivered", 204, None, None,
    )  # fmt: skip


async def test_a_failure_holds_the_queue_until_it_is_due(world: World) -> None:
    made, [log_id, _] = await loaded(world, 2)
    due_at = world.clock.now_ms() + 10_000
    assert await world.hold(made.id, due_at=due_at, attempts=3) is QueueState.held
    head, view = await world.head(made.id), await world.view(made.id)
    assert (head.state, head.due_at, head.attempts, head.cursor) == (QueueState.held, due_at, 3, 0)
    assert (view.reason, view.last_status, view.held_since) == (
        "The endpoint answered 503.", 503, world.clock.now_ms(),
    )  # fmt: skip
    [log] = await world.traffic.rows("SELECT * FROM log WHERE id = :id", id=log_id)
    assert (log.state, log.attempts, log.ended_at) == ("pending", 1, None)
    [attempt] = await world.traffic.rows("SELECT * FROM attempt")
    assert (attempt.outcome, attempt.status, attempt.reason) == ("failed", 503, "The endpoint answered 503.")
    assert attempt.answer == b"sealed"


async def test_a_held_queue_may_run_once_its_time_has_come(world: World) -> None:
    made, _ = await loaded(world, 1)
    await world.hold(made.id, due_at=world.clock.now_ms() + 1000)
    head = await world.head(made.id)
    assert not head.may_run(world.clock.now_ms() + 999)
    assert head.may_run(world.clock.now_ms() + 1000)


async def test_a_queue_remembers_since_when_it_is_held(world: World) -> None:
    made, _ = await loaded(world, 1)
    await world.hold(made.id)
    since = world.clock.now_ms()
    world.clock.advance(60)
    await world.hold(made.id, attempts=2)
    assert (await world.view(made.id)).held_since == since


async def test_a_delivery_clears_what_held_the_queue(world: World) -> None:
    made, _ = await loaded(world, 2)
    await world.hold(made.id)
    await world.advance(made.id)
    view = await world.view(made.id)
    assert (view.state, view.reason, view.last_status, view.held_since, view.attempts) == (
        QueueState.ready, None, None, None, 0,
    )  # fmt: skip


async def test_settling_deletes_nothing(world: World) -> None:
    made, logs = await loaded(world, 3)
    for _ in logs:
        await world.advance(made.id)
    rows = await world.everything()
    assert (len(rows["message"]), len(rows["log"]), len(rows["entry"])) == (3, 3, 3)


async def shown(world: World, queue_id: str) -> list[list[Any]]:
    """A queue's rows, without what names it."""
    statements = (
        "SELECT cursor, state, due_at, attempts, reason, last_status, held_since, destination_version,"
        " credential_version, delivered, parked, joined, refused FROM queue_head WHERE queue_id = :id",
        "SELECT seq, state, attempts, updated_at, ended_at, end_reason FROM log"
        " WHERE subscription_id = :id ORDER BY seq",
        "SELECT a.started_at, a.ended_at, a.outcome, a.status, a.reason, a.answer FROM attempt a"
        " JOIN log l ON l.id = a.log_id WHERE l.subscription_id = :id ORDER BY a.ended_at, a.outcome",
    )
    return [await world.traffic.rows(each, id=queue_id) for each in statements]


async def test_many_are_recorded_as_each_alone(world: World) -> None:
    cases: dict[str, list[Delivery]] = {}
    for case in ("one waits", "two wait", "paused", "another cursor", "another epoch"):
        for _ in ("alone", "together"):
            made, _ = await loaded(world, 2 if case == "two wait" else 1)
            await world.hold(made.id)
            fence = await world.fence(made.id)
            if case == "paused":
                await world.traffic.execute(
                    "UPDATE queue_head SET state = 'paused' WHERE queue_id = :id", id=made.id
                )
            elif case == "another cursor":
                fence = replace(fence, cursor=fence.cursor + 1)
            elif case == "another epoch":
                fence = replace(fence, epoch=fence.epoch - 1)
            given = Delivery(fence, await world.first(made.id), world.ended(), Versions(3, 4))
            cases.setdefault(case, []).append(given)
    alone, together = zip(*cases.values(), strict=True)

    def settle(tx: Tx) -> tuple[list[QueueState | None], list[QueueState | None]]:
        one_by_one = [world.hot.advance(tx, each.fence, each.sent, each.ended, each.seen) for each in alone]
        return one_by_one, world.hot.advance_many(tx, together)

    queue_ids = [each.fence.queue_id for pair in cases.values() for each in pair]
    one_by_one, at_once = await world.db.write(settle, beside=rows_of_settle(*queue_ids))
    assert one_by_one == at_once == [QueueState.idle, QueueState.ready, QueueState.paused, None, None]
    for one, another in zip(alone, together, strict=True):
        assert await shown(world, one.fence.queue_id) == await shown(world, another.fence.queue_id)


async def test_more_than_a_statement_takes_are_recorded(world: World) -> None:
    queues = [(await loaded(world, 1))[0].id for _ in range(70)]
    given = [
        Delivery(await world.fence(each), await world.first(each), world.ended(), Versions(1, 0))
        for each in queues
    ]
    states = await world.db.write(lambda tx: world.hot.advance_many(tx, given), beside=rows_of_settle(*queues))
    assert states == [QueueState.idle] * 70
    assert await world.traffic.rows("SELECT 1 FROM log WHERE state = 'pending'") == []
    assert len(await world.traffic.rows("SELECT 1 FROM attempt")) == 70


async def test_an_owner_of_an_older_epoch_changes_nothing(world: World) -> None:
    made, _ = await loaded(world, 2)
    fence = await world.fence(made.id)
    await world.take_over()
    before = await world.everything()
    assert await world.advance(made.id, fence) is None
    assert await world.hold(made.id, fence) is None
    assert await world.everything() == before


async def test_an_owner_of_an_older_cursor_changes_nothing(world: World) -> None:
    made, _ = await loaded(world, 3)
    fence, sent = await world.fence(made.id), await world.first(made.id)
    await world.advance(made.id)
    before = await world.everything()
    assert await world.advance(made.id, fence, sent) is None
    assert await world.hold(made.id, fence) is None
    assert await world.everything() == before


async def test_an_owner_of_no_shard_changes_nothing(world: World) -> None:
    made, _ = await loaded(world, 1)
    await world.traffic.execute("DELETE FROM shard")
    fence = await world.fence(made.id)
    before = await world.everything()
    assert await world.advance(made.id, replace(fence, epoch=0)) is None
    assert await world.hold(made.id, fence) is None
    assert await world.everything() == before


async def test_the_same_settle_counts_once(world: World) -> None:
    made, _ = await loaded(world, 2)
    fence, sent, ended = await world.fence(made.id), await world.first(made.id), world.ended()
    results = [
        await world.db.write(lambda tx: world.hot.advance(tx, fence, sent, ended, Versions(1, 0)))
        for _ in range(2)
    ]
    assert results == [QueueState.ready, None]
    assert (await world.view(made.id)).depth == 1


async def test_every_taking_of_the_shards_has_a_higher_epoch(world: World) -> None:
    epochs = [dict(world.epochs)]
    for owner in ("a", "b", "a"):
        await world.take_over(owner)
        epochs.append(dict(world.epochs))
    for older, newer in pairwise(epochs):
        assert older.keys() == newer.keys()
        assert all(newer[shard] > older[shard] for shard in newer)


async def test_an_attempt_that_ends_in_a_paused_queue_leaves_it_paused(world: World) -> None:
    made, _ = await loaded(world, 3)
    fence = await world.fence(made.id)
    await world.traffic.execute("UPDATE queue_head SET state = 'paused', due_at = NULL")
    assert await world.advance(made.id, fence) is QueueState.paused
    assert await world.hold(made.id) is QueueState.paused
    head, view = await world.head(made.id), await world.view(made.id)
    assert (head.state, head.due_at, head.cursor, view.depth) == (QueueState.paused, None, 1, 2)
    assert not head.may_run(world.clock.now_ms() + 10**9)


async def test_the_last_message_of_a_paused_queue_leaves_it_paused(world: World) -> None:
    made, _ = await loaded(world, 1)
    await world.traffic.execute("UPDATE queue_head SET state = 'paused', due_at = NULL")
    assert await world.advance(made.id) is QueueState.paused
    await world.traffic.accept(made)
    head = await world.head(made.id)
    assert (head.state, head.due_at) == (QueueState.paused, None)


async def test_one_queue_settles_without_touching_another(world: World) -> None:
    made, _ = await loaded(world, 1)
    other, _ = await loaded(world, 1)
    before = await world.head(other.id)
    await world.hold(made.id)
    await world.advance(made.id)
    assert await world.head(other.id) == before


async def test_due_queues_come_longest_waiting_first_with_the_time_of_the_next(world: World) -> None:
    now = world.clock.now_ms()
    made = [(await loaded(world, 1))[0] for _ in range(6)]
    for each, due_at in zip(made, (now - 5, now + 700, now - 50, now, now + 300, now - 1), strict=True):
        await world.hold(each.id, due_at=due_at)
    idle = await world.traffic.subscription()
    due, following = await world.db.read(lambda tx: world.hot.due(tx, now, 10, range(SHARDS)))
    expected = [made[2], made[0], made[5], made[3]]
    assert [tuple(row) for row in due] == [(each.id, each.destination_id) for each in expected]
    assert (following, idle.id in {row[0] for row in due}) == (now + 300, False)
    fewer, _ = await world.db.read(lambda tx: world.hot.due(tx, now, 2, range(SHARDS)))
    assert [row[0] for row in fewer] == [made[2].id, made[0].id]


async def test_nothing_is_due_where_nothing_waits(world: World) -> None:
    await world.traffic.subscription()
    paused, _ = await loaded(world, 1)
    await world.traffic.execute(
        "UPDATE queue_head SET state = 'paused', due_at = NULL WHERE queue_id = :id", id=paused.id
    )
    assert await world.db.read(lambda tx: world.hot.due(tx, 2**60, 10, range(SHARDS))) == ([], None)


async def test_a_queue_that_is_not_there_has_no_head(world: World) -> None:
    assert await world.db.read(lambda tx: world.hot.head(tx, new_id())) is None
    assert await world.db.read(lambda tx: store.get(tx, new_id())) is None


@pytest.mark.parametrize("ends", [3, 0])
async def test_giving_up_a_subscription_ends_what_waits_as_skipped(world: World, ends: int) -> None:
    made, logs = await loaded(world, 3)
    for _ in range(3 - ends):
        await world.advance(made.id)
    assert await world.db.write(lambda tx: store.pending(tx, made.id)) == ends
    now = world.clock.now_ms()
    assert await world.db.write(lambda tx: store.skip_all(tx, made.id, now, "moved away")) == ends
    assert await world.db.write(lambda tx: store.pending(tx, made.id)) == 0
    rows = await world.traffic.rows("SELECT id, state, ended_at, end_reason FROM log WHERE state = 'skipped'")
    assert {row.id for row in rows} == set(logs[3 - ends :])
    assert {(row.ended_at, row.end_reason) for row in rows} <= {(now, "moved away")}
    [(bodies,)] = await world.traffic.rows("SELECT count(*) FROM message")
    view = await world.view(made.id)
    assert (bodies, view.state, view.depth, view.next_attempt_at) == (3, QueueState.idle, 0, None)


async def test_an_attempt_in_flight_when_its_message_is_given_up_changes_nothing(world: World) -> None:
    made, _ = await loaded(world, 2)
    fence, sent = await world.fence(made.id), await world.first(made.id)
    await world.db.write(lambda tx: store.skip_all(tx, made.id, world.clock.now_ms(), "moved away"))
    before = await world.everything()
    assert await world.advance(made.id, fence, sent) is None
    assert await world.everything() == before


async def test_a_closed_queue_is_kept_and_shown_to_nobody(world: World) -> None:
    made, _ = await loaded(world, 1)
    await world.advance(made.id)
    await world.db.write(lambda tx: store.close_queue(tx, made.id, world.clock.now_ms()))
    assert await world.db.read(lambda tx: store.get(tx, made.id)) is None
    [row] = await world.traffic.rows("SELECT delivered, closed_at, due_at FROM queue_head")
    assert tuple(row) == (1, world.clock.now_ms(), None)
