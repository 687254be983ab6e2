"""Who owns which shards: shares, take-over, fencing. The clock is the test's."""

import pytest

from waypost.db.database import Database, Tx
from waypost.queues import shards
from waypost.queues.model import SHARDS
from waypost.queues.shards import Owned

LEASE_MS = 10_000


@pytest.fixture
def look(db: Database) -> "Look":
    return Look(db)


class Look:
    """Lets a worker look at a time in seconds."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def __call__(self, worker: str, at: float, *, back: frozenset[int] = frozenset()) -> Owned:
        def fn(tx: Tx) -> Owned:
            return shards.look(tx, worker, round(at * 1000), lease_ms=LEASE_MS, back=back)

        return await self.db.write(fn, beside=shards.LOOKING)


async def test_a_worker_alone_owns_everything(look: Look) -> None:
    found = await look("a", 0)
    assert (len(found.epochs), found.surplus) == (SHARDS, frozenset())


async def test_looking_again_renews_and_changes_no_epoch(look: Look) -> None:
    first = await look("a", 0)
    assert await look("a", 9) == first
    assert (await look("b", 11)).epochs == {}  # nine and ten are nineteen


async def test_two_workers_share_once_the_first_has_given_back(look: Look) -> None:
    await look("a", 0)
    assert (await look("b", 1)).epochs == {}
    crowded = await look("a", 2)
    assert len(crowded.surplus) == SHARDS // 2
    kept = await look("a", 3, back=crowded.surplus)
    gained = await look("b", 3)
    assert len(kept.epochs) == len(gained.epochs) == SHARDS // 2
    assert not kept.epochs.keys() & gained.epochs.keys()
    assert kept.surplus == gained.surplus == frozenset()


async def test_three_workers_leave_nothing_unowned(look: Look) -> None:
    names = ("a", "b", "c")
    owned = {name: await look(name, 0) for name in names}
    for at in range(1, 5):
        for name in names:
            owned[name] = await look(name, at, back=owned[name].surplus)
    assert sorted(shard for each in owned.values() for shard in each.epochs) == list(range(SHARDS))
    assert max(len(each.epochs) for each in owned.values()) <= -(-SHARDS // 3)


async def test_a_dead_workers_shards_are_taken_when_its_lease_is_over_and_not_before(look: Look) -> None:
    dead = await look("a", 0)
    assert (await look("b", 9.9)).epochs == {}
    taken = (await look("b", 10)).epochs
    assert taken == {shard: epoch + 1 for shard, epoch in dead.epochs.items()}


async def test_who_comes_back_late_finds_that_it_owns_nothing(look: Look) -> None:
    await look("a", 0)
    taken = await look("b", 10)
    back = await look("a", 11)
    assert back.epochs == {}
    assert len((await look("b", 11)).epochs) == len(taken.epochs)


async def test_who_comes_back_late_keeps_what_nobody_took(look: Look) -> None:
    first = await look("a", 0)
    assert (await look("a", 60)).epochs == first.epochs


async def test_who_leaves_leaves_everything_to_the_next_look(look: Look, db: Database) -> None:
    await look("a", 0)
    await db.write(lambda tx: shards.leave(tx, "a"), beside=shards.LOOKING)
    assert len((await look("b", 0)).epochs) == SHARDS


async def test_a_process_that_is_alone_by_its_lock_takes_everything_at_once(db: Database, look: Look) -> None:
    dead = await look("a", 0)
    found = await db.write(lambda tx: shards.look(tx, "b", 1, lease_ms=LEASE_MS, alone=True))
    assert found.epochs == {shard: epoch + 1 for shard, epoch in dead.epochs.items()}


async def test_nobody_gives_back_what_is_anothers(db: Database, look: Look) -> None:
    owned = await look("a", 0)
    await db.write(lambda tx: shards.give_back(tx, "b", range(SHARDS)))
    assert await look("a", 1) == owned


async def test_leases_of_a_clock_that_was_set_back_bind_nobody(look: Look) -> None:
    await look("dead", 3600)
    assert (await look("a", 25)).epochs.keys() == set(range(SHARDS))
    await look("b", 15.5)  # a little back is no such thing
    assert (await look("b", 15.5)).epochs == {}
