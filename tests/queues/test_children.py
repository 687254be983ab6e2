"""Child queues as rows: entries of one log in several queues, and cursors that move together or not at all."""

from dataclasses import replace

import pytest

from tests.queues.conftest import World
from waypost.queues import children, recount
from waypost.queues.children import Generation
from waypost.queues.model import Accept, Addressee, Fence, QueueState
from waypost.queues.port import rows_of_accept
from waypost.subscriptions.model import Subscription

KEY = bytes(range(32))


class Ward:
    """A subscription in its first generation with child queues."""

    def __init__(self, world: World, subscription: Subscription) -> None:
        self.world = world
        self.generation = Generation(subscription.id, subscription.destination_id, 1, 0, KEY)
        self._subscription = subscription

    def queue(self, patient: str) -> str:
        return self.generation.addressee([patient]).queue_id

    def message(self, addressee: Addressee) -> Accept:
        return self.world.traffic.message(self._subscription, addressees=(addressee,))

    async def accept(self, *patients: str) -> Addressee:
        addressee = self.generation.addressee(patients)
        given = self.message(addressee)
        await self.world.db.write(
            lambda tx: self.world.hot.accept(tx, given), beside=rows_of_accept(given.addressees)
        )
        return addressee

    async def fence(self, queue_id: str, *others: str) -> Fence:
        cursors = tuple([(other, (await self.world.head(other)).cursor) for other in others])
        return replace(await self.world.fence(queue_id), others=cursors)

    async def cursors(self, *queue_ids: str) -> list[int]:
        return [(await self.world.head(queue_id)).cursor for queue_id in queue_ids]


@pytest.fixture
async def ward(world: World) -> Ward:
    return Ward(world, await world.traffic.subscription())


async def test_messages_of_patients_and_of_none_are_numbered_as_they_come(ward: Ward) -> None:
    traffic = ward.world.traffic
    other = await traffic.subscription(destination_id=ward.generation.destination_id, data_model="Results")
    ann, both = ward.generation.addressee(["ann"]), ward.generation.addressee(["ann", "bob"])
    given = [traffic.message(other), ward.message(ann), traffic.message(other), ward.message(both)]
    numbers = await ward.world.db.write(lambda tx: ward.world.hot.accept(tx, *given))
    assert [numbers[addressee.log_id] for each in given for addressee in each.addressees] == [1, 2, 3, 4]
    assert [each.seq for each in await ward.world.waiting(other.id)] == [1, 3]
    assert [each.seq for each in await ward.world.waiting(ward.queue("ann"))] == [2, 4]
    assert [each.seq for each in await ward.world.waiting(ward.queue("bob"))] == [4]


def test_a_childs_id_tells_nothing_and_is_the_same_everywhere() -> None:
    one = Generation("subscription", "destination", 1, 0, KEY)
    ids = {
        name: generation.addressee([patient]).queue_id
        for name, generation, patient in (
            ("ann", one, "ann"),
            ("bob", one, "bob"),
            ("nobody", one, ""),
            ("of another generation", replace(one, generation=2), "ann"),
            ("of another subscription", replace(one, subscription_id="other"), "ann"),
            ("under another key", replace(one, key=bytes(32)), "ann"),
        )
    }
    assert len(set(ids.values())) == len(ids)
    assert one.addressee(["ann"]).queue_id == ids["ann"]
    assert one.addressee([]).queue_ids == (ids["nobody"],)
    assert one.addressee(["ann", "bob", "ann"]).queue_ids == tuple(sorted((ids["ann"], ids["bob"])))


async def test_a_merge_is_one_log_with_an_entry_in_each_queue(ward: Ward) -> None:
    await ward.accept("ann")
    addressee = await ward.accept("ann", "bob")
    first, other = addressee.queue_ids
    assert {ward.queue("ann"), ward.queue("bob")} == {first, other}
    logs = await ward.world.traffic.rows("SELECT id, seq, queues FROM log ORDER BY seq")
    assert [tuple(row) for row in logs][1] == (addressee.log_id, 2, f"{first} {other}")
    entries = await ward.world.traffic.rows("SELECT queue_id, seq FROM entry WHERE seq = 2 ORDER BY queue_id")
    assert [row.queue_id for row in entries] == [first, other]
    tails = await ward.world.traffic.rows("SELECT queue_id, accepted, joined FROM queue_tail WHERE joined > 0")
    assert [row.queue_id for row in tails] == [other]
    views = {queue: await ward.world.view(queue) for queue in (ward.queue("ann"), ward.queue("bob"))}
    assert [view.depth for view in views.values()] == [2, 1]
    assert await ward.world.db.read(recount.faults) == []


async def test_a_merge_moves_all_its_queues(ward: Ward) -> None:
    addressee = await ward.accept("ann", "bob")
    await ward.accept("bob")
    first, other = addressee.queue_ids
    assert await ward.world.advance(first, await ward.fence(first, other)) is not None
    assert await ward.cursors(first, other) == [1, 1]
    states = {queue: (await ward.world.head(queue)).state for queue in (ward.queue("ann"), ward.queue("bob"))}
    assert list(states.values()) == [QueueState.idle, QueueState.ready]
    counts = await ward.world.traffic.rows("SELECT sum(delivered) AS ended, sum(joined) AS joined FROM queue_head")
    assert [(int(row.ended), int(row.joined)) for row in counts] == [(1, 1)]
    assert await ward.world.db.read(recount.faults) == []


async def test_a_merge_moves_none_while_another_queue_is_not_there_yet(ward: Ward) -> None:
    await ward.accept("bob")
    await ward.accept("ann", "bob")
    ann, bob = ward.queue("ann"), ward.queue("bob")
    before = await ward.world.everything()
    assert await ward.world.advance(ann, await ward.fence(ann, bob)) is None
    assert await ward.world.everything() == before


async def test_a_merge_moves_none_when_another_queue_has_moved(ward: Ward) -> None:
    await ward.accept("ann", "bob")
    ann, bob = ward.queue("ann"), ward.queue("bob")
    fence, sent = await ward.fence(ann, bob), await ward.world.first(ann)
    await ward.world.advance(bob, await ward.fence(bob, ann))
    before = await ward.world.everything()
    assert await ward.world.advance(ann, fence, sent) is None
    behind = replace(fence, cursor=(await ward.world.head(ann)).cursor)
    assert await ward.world.advance(ann, behind, sent) is None
    assert await ward.world.everything() == before


async def test_a_queue_waits_unless_it_is_paused_or_has_moved(ward: Ward) -> None:
    await ward.accept("ann")
    ann, now = ward.queue("ann"), ward.world.clock.now_ms()
    fence, hot = await ward.world.fence(ann), ward.world.hot
    assert await ward.world.db.write(lambda tx: hot.wait(tx, fence, "words", now + 5)) is QueueState.waiting
    head = await ward.world.head(ann)
    assert (head.state, head.due_at, head.may_run(now), head.may_run(now + 5)) == (
        QueueState.waiting,
        now + 5,
        False,
        True,
    )
    assert (await ward.world.view(ann)).reason == "words"
    stale = replace(fence, cursor=fence.cursor + 1)
    assert await ward.world.db.write(lambda tx: hot.wait(tx, stale, "words", now)) is None
    await ward.world.traffic.execute("UPDATE queue_head SET state = 'paused' WHERE queue_id = :id", id=ann)
    assert await ward.world.db.write(lambda tx: hot.wait(tx, fence, "words", now)) is None


async def test_a_new_child_begins_behind_what_an_earlier_one_had(ward: Ward) -> None:
    await ward.accept("ann")
    ann = ward.queue("ann")
    await ward.world.advance(ann)
    assert await ward.world.db.write(lambda tx: children.remove(tx, [ann])) == 1
    await ward.accept("ann")
    assert [pending.seq for pending in await ward.world.waiting(ann)] == [2]
    assert await ward.world.db.read(recount.faults) == []


async def test_a_recount_notices_what_child_queues_can_lose(ward: Ward) -> None:
    await ward.accept("ann", "bob")
    assert await ward.world.db.read(recount.faults) == []
    await ward.world.traffic.execute("DELETE FROM queue_head WHERE since IS NOT NULL")
    [*_, fault] = await ward.world.db.read(recount.faults)
    assert fault == "2 pending logs are in a queue that is gone; nothing would send them."
