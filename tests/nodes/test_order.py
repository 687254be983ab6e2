"""Two nodes that write to one PostgreSQL at the same moment, commit out of order on purpose, and lose nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.util import await_only

from tests.conftest import SetClock
from tests.support import postgresql, traffic
from tests.support.traffic import Traffic
from waypost.db.database import Beside, Tx
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.ids import new_id
from waypost.queues import operations, shards, store
from waypost.queues import postgresql as hot
from waypost.queues.model import Ended, Fence, Pending, QueueState
from waypost.queues.port import rows_of_accept, rows_of_settle
from waypost.subscriptions.model import Subscription

SECONDS = 20


@dataclass
class Gate:
    """A write that does its work and then waits with its commit until it is let go."""

    node: PostgresqlDatabase
    work: Callable[[Tx], Any]
    beside: Beside | None
    at: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(self.node.write(self._held, beside=self.beside))

    async def reached(self) -> None:
        await asyncio.wait_for(self.at.wait(), SECONDS)

    async def open(self) -> Any:
        self.let_go.set()
        return await asyncio.wait_for(self.task, SECONDS)

    def _held(self, tx: Tx) -> Any:
        done = self.work(tx)
        self.at.set()
        await_only(self.let_go.wait())
        return done


@dataclass
class Nodes:
    """Two nodes, and what a worker that reads in order has seen."""

    first: PostgresqlDatabase
    second: PostgresqlDatabase
    traffic: Traffic
    epochs: dict[int, int]
    gates: list[Gate] = field(default_factory=list)

    def gate(self, node: PostgresqlDatabase, work: Callable[[Tx], Any], beside: Beside | None) -> Gate:
        """Have the work done, and its commit held."""
        self.gates.append(Gate(node, work, beside))
        return self.gates[-1]

    async def waits(self, what: str) -> None:
        """Until one of the two waits for a row of the other."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        end = asyncio.get_running_loop().time() + SECONDS
        while not (await self.traffic.rows(query))[0][0]:
            assert asyncio.get_running_loop().time() < end, f"{what} did not wait"

    def accept(self, node: PostgresqlDatabase, *to: Subscription) -> asyncio.Task[Any]:
        given = self.traffic.message(*to)
        return asyncio.create_task(
            node.write(lambda tx: hot.accept(tx, given), beside=rows_of_accept(given.addressees))
        )

    def held_accept(self, node: PostgresqlDatabase, *to: Subscription) -> Gate:
        given = self.traffic.message(*to)
        return self.gate(node, lambda tx: hot.accept(tx, given), rows_of_accept(given.addressees))

    async def read_from(self, queue_id: str, cursor: int) -> list[Pending]:
        return await self.second.read(lambda tx: list(hot.waiting(tx, queue_id, cursor, 100)))

    async def settle(self, queue_id: str) -> tuple[Callable[[Tx], QueueState | None], Beside]:
        """What settles the message at the head as delivered."""
        head = await self.first.read(lambda tx: hot.head(tx, queue_id))
        assert head is not None
        [sent, *_] = await self.read_from(queue_id, head.cursor)
        fence = Fence(head.shard, self.epochs[head.shard], queue_id, head.cursor)
        ended = Ended(new_id(), 1, 2, "delivered", 200, None, None)
        return lambda tx: hot.advance(tx, fence, sent, ended, head.now), rows_of_settle(queue_id)


@pytest.fixture
async def nodes(clock: SetClock) -> AsyncIterator[Nodes]:
    server = postgresql.shared()
    url = await server.database()
    first, second = PostgresqlDatabase(url), PostgresqlDatabase(url)
    owned = await first.write(lambda tx: shards.look(tx, "one", 1, lease_ms=10**12), beside=shards.LOOKING)
    made = Nodes(first, second, await traffic.found(first, clock), owned.epochs)
    yield made
    for gate in made.gates:  # a test that failed must not wait for ever
        gate.let_go.set()
    await first.close()
    await second.close()
    await server.drop(url)


async def test_what_commits_later_never_lies_before_what_a_reader_has_passed(nodes: Nodes) -> None:
    made = await nodes.traffic.subscription()
    early = nodes.held_accept(nodes.first, made)
    await early.reached()
    late = nodes.accept(nodes.second, made)
    await nodes.waits("the second accept")
    assert await nodes.read_from(made.id, 0) == []  # nothing that a cursor could pass
    assert not late.done()
    [first] = (await early.open()).values()
    [second] = (await asyncio.wait_for(late, SECONDS)).values()
    assert (first, second) == (1, 2)
    assert [pending.seq for pending in await nodes.read_from(made.id, 0)] == [1, 2]


async def test_a_reader_that_follows_many_writers_on_two_nodes_skips_nothing(nodes: Nodes) -> None:
    made = [await nodes.traffic.subscription() for _ in range(3)]
    writes = [
        nodes.accept(node, *some)
        for number in range(60)
        for node, some in ((nodes.first, made), (nodes.second, made[:: -1 if number % 2 else 1]))
    ]
    cursors, seen = dict.fromkeys((each.id for each in made), 0), {each.id: [] for each in made}  # type: ignore[var-annotated]
    while not all(write.done() for write in writes) or any(len(each) < 120 for each in seen.values()):
        for queue_id, cursor in cursors.items():
            for pending in await nodes.read_from(queue_id, cursor):
                seen[queue_id].append(pending.seq)
                cursors[queue_id] = pending.seq
    await asyncio.gather(*writes)
    assert all(each == list(range(1, 121)) for each in seen.values())


async def test_accepts_of_other_destinations_do_not_wait(nodes: Nodes) -> None:
    made, other = await nodes.traffic.subscription(), await nodes.traffic.subscription()
    held = nodes.held_accept(nodes.first, made)
    await held.reached()
    assert list((await asyncio.wait_for(nodes.accept(nodes.second, other), SECONDS)).values()) == [1]
    await held.open()


async def test_two_messages_for_the_same_two_destinations_do_not_deadlock(nodes: Nodes) -> None:
    made = [await nodes.traffic.subscription() for _ in range(2)]
    both = [
        asyncio.gather(*(nodes.accept(node, *order) for order in (made, made[::-1]) * 30))
        for node in (nodes.first, nodes.second)
    ]
    for done in await asyncio.wait_for(asyncio.gather(*both), SECONDS):
        assert len(done) == 60
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert (await nodes.traffic.rows(deadlocks))[0][0] == 0


async def test_a_queue_that_empties_while_a_message_comes_in_does_not_fall_asleep(nodes: Nodes) -> None:
    made = await nodes.traffic.subscription()
    await nodes.accept(nodes.first, made)
    settle, beside = await nodes.settle(made.id)
    held = nodes.gate(nodes.first, settle, beside)
    await held.reached()
    late = nodes.accept(nodes.second, made)
    await nodes.waits("the accept")
    assert await held.open() is QueueState.idle
    await asyncio.wait_for(late, SECONDS)
    head = await nodes.first.read(lambda tx: hot.head(tx, made.id))
    assert head is not None
    assert (head.state, head.due_at is not None) == (QueueState.ready, True)


async def test_a_message_that_comes_in_while_a_queue_empties_keeps_it_awake(nodes: Nodes) -> None:
    made = await nodes.traffic.subscription()
    await nodes.accept(nodes.first, made)
    settle, beside = await nodes.settle(made.id)
    held = nodes.held_accept(nodes.second, made)
    await held.reached()
    settling_ = asyncio.create_task(nodes.first.write(settle, beside=beside))
    await nodes.waits("the settle")
    await held.open()
    assert await asyncio.wait_for(settling_, SECONDS) is QueueState.ready


async def test_a_message_never_enters_a_queue_that_another_node_is_giving_up(nodes: Nodes) -> None:
    made = await nodes.traffic.subscription()
    await nodes.accept(nodes.first, made)

    def give_up(tx: Tx) -> int:
        store.pending(tx, made.id)
        return store.skip_all(tx, made.id, 5, "no more")

    held = nodes.gate(nodes.first, give_up, None)
    await held.reached()
    late = nodes.accept(nodes.second, made)
    await nodes.waits("the accept")
    assert await held.open() == 1
    await asyncio.wait_for(late, SECONDS)
    [pending] = await nodes.read_from(made.id, 1)
    assert pending.seq == 2


async def test_pausing_while_a_delivery_is_recorded_keeps_both(nodes: Nodes) -> None:
    made = await nodes.traffic.subscription()
    for _ in range(2):
        await nodes.accept(nodes.first, made)
    settle, beside = await nodes.settle(made.id)
    held = nodes.gate(nodes.first, settle, beside)
    await held.reached()

    def pause(tx: Tx) -> None:
        store.lock(tx, [made.id])
        operations.pause(tx, made.id)

    pausing = asyncio.create_task(nodes.second.write(pause))
    await nodes.waits("the pause")
    await held.open()
    await asyncio.wait_for(pausing, SECONDS)
    head = await nodes.first.read(lambda tx: hot.head(tx, made.id))
    assert head is not None
    assert (head.state, head.cursor, head.due_at) == (QueueState.paused, 1, None)


async def test_configuration_is_changed_by_one_node_at_a_time(nodes: Nodes, tmp_path: Path) -> None:
    held = nodes.gate(nodes.first, lambda tx: None, None)
    await held.reached()
    other = asyncio.create_task(nodes.second.write(lambda tx: hot.turn(tx)))
    await nodes.waits("the other node's change")
    before = await nodes.first.read(hot.turn)
    await held.open()
    assert await asyncio.wait_for(other, SECONDS) == before + 2
