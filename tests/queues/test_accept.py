"""Accepting: positions without gaps, and all of a message or nothing (invariants 1 and 2)."""

import asyncio
import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.queues.conftest import World
from waypost.clock import Clock
from waypost.db.database import Tx
from waypost.db.sqlite import library
from waypost.ids import new_id
from waypost.queues.model import Accept, Addressee, QueueState
from waypost.queues.port import rows_of_accept


async def test_a_message_leaves_one_log_and_one_entry_for_each_destination(world: World) -> None:
    source = await world.traffic.source()
    made = [await world.traffic.subscription(source) for _ in range(3)]
    given = world.traffic.message(*made, facility_code="RX")
    numbers = await world.db.write(lambda tx: world.hot.accept(tx, given))
    assert numbers == {addressee.log_id: 1 for addressee in given.addressees}
    rows = await world.everything()
    assert (len(rows["message"]), len(rows["log"]), len(rows["entry"])) == (1, 3, 3)
    assert set(rows["entry"]) == {(addressee.queue_id, 1, addressee.log_id) for addressee in given.addressees}
    assert set(rows["queue_tail"]) == {(each.id, each.destination_id, 1, 1, 0, 0) for each in made}


async def test_positions_count_up_by_destination_across_its_queues(world: World) -> None:
    destination = await world.traffic.destination()
    one = await world.traffic.subscription(destination_id=destination)
    other = await world.traffic.subscription(destination_id=destination, data_model="Results")
    apart = await world.traffic.subscription()
    for to in (one, other, one, apart, other):
        await world.traffic.accept(to)
    assert [each.seq for each in await world.waiting(one.id)] == [1, 3]
    assert [each.seq for each in await world.waiting(other.id)] == [2, 4]
    assert [each.seq for each in await world.waiting(apart.id)] == [1]


async def test_many_at_once_leave_what_one_after_the_other_leaves(world: World) -> None:
    draw = random.Random(11)
    source = await world.traffic.source()
    made = [await world.traffic.subscription(source) for _ in range(6)]
    ones, others = made[:3], made[3:]
    drawn = [draw.sample(range(3), draw.randint(1, 3)) for _ in range(60)]
    for places in drawn:
        await world.traffic.accept(*(ones[place] for place in places))
    given = [world.traffic.message(*(others[place] for place in places)) for places in drawn]
    numbers = await world.db.write(lambda tx: world.hot.accept(tx, *given))
    assert len(numbers) == sum(map(len, drawn))
    for one, other in zip(ones, others, strict=True):
        logs = [
            addressee.log_id for each in given for addressee in each.addressees if addressee.queue_id == other.id
        ]
        waiting = await world.waiting(other.id)
        assert [each.log_id for each in waiting] == logs
        assert [each.seq for each in waiting] == [numbers[log_id] for log_id in logs]
        assert [each.seq for each in waiting] == [each.seq for each in await world.waiting(one.id)]
        assert (await world.head(other.id)).state == (await world.head(one.id)).state == QueueState.ready
    tails = "SELECT last_seq, accepted FROM queue_tail WHERE queue_id = :id"
    for one, other in zip(ones, others, strict=True):
        assert await world.traffic.rows(tails, id=one.id) == await world.traffic.rows(tails, id=other.id)


async def test_concurrent_accepts_leave_no_gap(world: World) -> None:
    source = await world.traffic.source()
    made = [await world.traffic.subscription(source) for _ in range(4)]
    draw = random.Random(7)

    async def accept_or_fail(number: int) -> None:
        given = world.traffic.message(*draw.sample(made, draw.randint(1, 4)))

        def write(tx: Tx) -> None:
            world.hot.accept(tx, given)
            if number % 5 == 0:
                raise ValueError("undone")

        await world.db.write(write)

    answers = await asyncio.gather(*(accept_or_fail(number) for number in range(300)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(ValueError) == 60
    for each in made:
        seqs = [pending.seq for pending in await world.waiting(each.id)]
        assert seqs == list(range(1, len(seqs) + 1))
        [(last,)] = await world.traffic.rows(
            "SELECT last FROM destination_seq WHERE destination_id = :id", id=each.destination_id
        )
        assert last == len(seqs)


async def test_a_reader_in_the_order_of_positions_never_passes_one_that_comes_later(world: World) -> None:
    made = await world.traffic.subscription()
    rows_of_accept = asyncio.gather(*(world.traffic.accept(made) for _ in range(400)))
    seen = 0
    while seen < 400:
        seqs = [pending.seq for pending in await world.waiting(made.id)]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= seen
        seen = len(seqs)
    await rows_of_accept


async def test_the_order_of_positions_is_the_order_of_acknowledgement(world: World) -> None:
    made = await world.traffic.subscription()
    sent = []
    for number in range(50):
        world.clock.advance(-number)  # clocks order nothing
        sent += await world.traffic.accept(made)
    assert [pending.log_id for pending in await world.waiting(made.id)] == sent


@pytest.mark.parametrize("broken", range(3))
async def test_a_message_is_stored_whole_or_not_at_all(world: World, broken: int) -> None:
    source = await world.traffic.source()
    made = [await world.traffic.subscription(source) for _ in range(3)]
    [taken] = await world.traffic.accept(made[0])
    before = await world.everything()
    given = world.traffic.message(*made)
    addressees = list(given.addressees)
    addressees[broken] = replace(addressees[broken], log_id=taken)
    bad = replace(given, addressees=tuple(addressees))
    with pytest.raises((sa.exc.IntegrityError, library().IntegrityError)):
        await world.db.write(lambda tx: world.hot.accept(tx, bad))
    assert await world.everything() == before


async def test_many_accepts_share_a_commit(world: World) -> None:
    made = await world.traffic.subscription()
    before = world.commits
    await asyncio.gather(*(world.traffic.accept(made) for _ in range(200)))
    assert world.commits - before <= 20


async def test_an_idle_queue_becomes_ready_and_due(world: World) -> None:
    made = await world.traffic.subscription()
    assert (await world.head(made.id)).state is QueueState.idle
    await world.traffic.accept(made)
    head = await world.head(made.id)
    assert (head.state, head.due_at) == (QueueState.ready, world.clock.now_ms())
    assert head.may_run(world.clock.now_ms())


@pytest.mark.parametrize("state", [QueueState.ready, QueueState.held, QueueState.paused])
async def test_a_queue_in_another_state_stays_in_it(world: World, state: QueueState) -> None:
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    await world.traffic.execute("UPDATE queue_head SET state = :state, due_at = 5", state=state.value)
    await world.traffic.accept(made)
    head = await world.head(made.id)
    assert (head.state, head.due_at) == (state, 5)
    assert (await world.view(made.id)).depth == 2


async def test_the_version_of_routes_is_that_of_the_environment(world: World) -> None:
    async def version(environment_id: str) -> int | None:
        return await world.db.read(lambda tx: world.hot.environment_version(tx, environment_id))

    before = await version(world.traffic.environment_id)
    assert before is not None
    await world.traffic.source()
    assert await version(world.traffic.environment_id) == before + 1
    assert await version(new_id()) is None


async def test_what_waits_comes_in_order_and_at_most_so_many_at_once(world: World) -> None:
    made = await world.traffic.subscription()
    sent = [log for _ in range(20) for log in await world.traffic.accept(made)]
    assert [each.log_id for each in await world.waiting(made.id, limit=7)] == sent[:7]
    await world.advance(made.id)
    assert [each.log_id for each in await world.waiting(made.id, limit=7)] == sent[1:8]


async def test_what_waits_is_read_with_what_the_request_needs(world: World) -> None:
    source = await world.traffic.source("Lab")
    made = await world.traffic.subscription(source)
    given: Accept = world.traffic.message(made, body=b"the body", meta_start=3, meta_end=9)
    await world.db.write(lambda tx: world.hot.accept(tx, given))
    [pending] = await world.waiting(made.id)
    assert (pending.message_id, pending.log_id) == (given.message_id, given.addressees[0].log_id)
    assert (pending.source_id, pending.source_name, pending.replay_of) == (source, "Lab", None)
    assert (pending.body, pending.meta_start, pending.meta_end) == (b"the body", 3, 9)
    assert (pending.subscription_id, pending.data_model) == (made.id, made.data_model)
    assert (pending.event_type, pending.accepted_at) == (given.event_type, given.now_ms)


async def test_large_messages_are_read_a_few_at_a_time(world: World) -> None:
    made = await world.traffic.subscription()
    for _ in range(8):
        await world.traffic.accept(made, body=b"x" * 900_000)
    assert len(await world.waiting(made.id)) == 3
    await world.advance(made.id)
    await world.traffic.accept(made, body=b"x" * 9_000_000)
    assert len(await world.waiting(made.id)) == 3


async def test_one_message_is_read_however_large_it_is(world: World) -> None:
    made = await world.traffic.subscription()
    for _ in range(2):
        await world.traffic.accept(made, body=b"x" * 9_000_000)
    assert len(await world.waiting(made.id)) == 1


def test_an_accept_holds_every_counter_and_every_tail_whatever_it_is_told_of_them_by() -> None:
    addressees = [Addressee("log", f"queue {n}", "subscription", f"destination {n}") for n in range(2)]
    expected = {("destination_seq", f"destination {n}") for n in range(2)}
    expected |= {("queue_tail", f"queue {n}") for n in range(2)}
    assert set(rows_of_accept(each for each in addressees).rows) == expected


async def test_a_message_is_due_when_it_is_there_though_a_node_is_ahead_of_the_database(world: World) -> None:
    world.clock.now = Clock().now_ms() + (3_600_000 if world.db.shared else 0)
    made = await world.traffic.subscription()
    await world.traffic.accept(made)
    due_at = (await world.head(made.id)).due_at
    assert due_at is not None
    assert due_at <= Clock().now_ms() + 1000
