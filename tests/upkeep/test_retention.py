"""What ended long enough ago is removed; what waits stays, and keeps nothing else; the ledger still adds up."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import SetClock
from tests.queues.conftest import World
from tests.support import traffic
from waypost.access import operator
from waypost.audit import store as audit
from waypost.db.database import Database, Tx
from waypost.errors import Unavailable
from waypost.ids import new_id
from waypost.messages import idempotency
from waypost.metrics import Metrics
from waypost.queues import operations, recount
from waypost.queues.model import Addressee, Replay
from waypost.queues.purged import purged
from waypost.replays import store as replays
from waypost.replays.model import Part, ReplayOfMany, ReplayState
from waypost.replays.running import Running
from waypost.subscriptions.model import Subscription
from waypost.tokens import store as tokens
from waypost.upkeep.retention import LEAST_SHARE, Pace, Retention, hurried
from waypost.vault.vault import Vault

DAY = 24 * 3600
TERM = 7
LARGE = ("message", "log", "entry", "attempt")


@pytest.fixture
async def world(db: Database, clock: SetClock) -> World:
    made = World(await traffic.found(db, clock), clock)
    await made.take_over("this one")
    return made


FAST = Pace(rest_share=0, least_rest_seconds=0)


def keeper(world: World, *, days: float | None = TERM, db: Database | None = None, **pace: int) -> Retention:
    own = replace(FAST, **pace)
    return Retention(
        db or world.db, world.clock, Metrics(), mine=lambda: True, days=days, audit_days=2190, pace=own
    )


async def delivered(world: World, to: Subscription, number: int = 1) -> list[str]:
    """So many messages, accepted and delivered; their log ids."""
    ids = [(await world.traffic.accept(to))[0] for _ in range(number)]
    for _ in range(number):
        await world.advance(to.id)
    return ids


async def sizes(world: World, tables: Collection[str] = LARGE) -> dict[str, int]:
    return {table: (await world.traffic.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


async def logs(world: World) -> set[str]:
    return {row.id for row in await world.traffic.rows("SELECT id FROM log")}


async def counters(world: World) -> list[Any]:
    query = """
        SELECT h.queue_id, accepted, replayed, delivered, skipped, parked, filtered, cursor, last_seq
        FROM queue_head h JOIN queue_tail t ON t.queue_id = h.queue_id ORDER BY 1
    """
    return [tuple(row) for row in await world.traffic.rows(query)]


async def gone(world: World, subscription_id: str) -> tuple[Any, ...] | None:
    c = purged.c
    query = sa.select(c.delivered, c.filtered, c.skipped, c.parked, c.replayed)
    row = await world.db.read(
        lambda tx: tx.execute(query.where(c.subscription_id == subscription_id)).one_or_none()
    )
    return None if row is None else tuple(row)


async def faults(world: World) -> list[str]:
    return await world.db.read(recount.faults)


async def test_a_log_goes_once_its_term_is_over_counted_from_its_end(world: World) -> None:
    to = await world.traffic.subscription()
    await world.traffic.accept(to)
    world.clock.advance(30 * DAY)
    await world.advance(to.id)
    world.clock.advance(TERM * DAY - 1)
    assert await keeper(world).run() == {}
    world.clock.advance(1)
    assert await keeper(world).run() == {"log": 1, "entry": 1, "attempt": 1, "message": 1}
    assert await sizes(world) == dict.fromkeys(LARGE, 0)


async def test_without_a_term_everything_is_kept(world: World) -> None:
    await delivered(world, await world.traffic.subscription(), 3)
    world.clock.advance(10_000 * DAY)
    await keeper(world, days=None).run()
    assert (await sizes(world))["log"] == 3


async def test_a_queue_held_for_ever_keeps_its_own_and_nothing_else(world: World) -> None:
    held, other = await world.traffic.subscription(), await world.traffic.subscription()
    waiting = [(await world.traffic.accept(held))[0] for _ in range(3)]
    await world.hold(held.id)
    before = [await delivered(world, other, 2) for _ in range(2)]
    assert before
    world.clock.advance(400 * DAY)
    await keeper(world).run()
    assert await logs(world) == set(waiting)
    assert [one.log_id for one in await world.waiting(held.id)] == waiting
    assert await faults(world) == []


async def test_a_message_goes_with_the_last_of_its_logs(world: World) -> None:
    source = await world.traffic.source()
    held, other = [await world.traffic.subscription(source) for _ in range(2)]
    kept, over = await world.traffic.accept(held, other)
    await world.advance(other.id)
    world.clock.advance(TERM * DAY)
    assert (await keeper(world).run())["message"] == 0
    assert await logs(world) == {kept}
    assert [(one.log_id, one.body) for one in await world.waiting(held.id)] == [(kept, b"sealed")]
    await world.advance(held.id)
    world.clock.advance(TERM * DAY)
    assert (await keeper(world).run())["message"] == 1
    assert over not in await logs(world)


async def test_the_counters_stay_and_what_was_removed_is_counted_by_its_end(world: World) -> None:
    to = await world.traffic.subscription()
    [first, *_] = await delivered(world, to, 4)
    target = Addressee(new_id(), to.id, to.id, to.destination_id)
    again = Replay(first, world.traffic.environment_id, target, world.clock.now_ms())
    await world.db.write(lambda tx: world.hot.replay(tx, again))
    await world.advance(to.id)
    await world.traffic.accept(to)
    head = await world.first(to.id)
    now = world.clock.now_ms()
    await world.db.write(lambda tx: operations.skip(tx, [to.id], head.seq, head.log_id, now, "no use"))
    before = await counters(world)
    assert await faults(world) == []
    world.clock.advance(TERM * DAY)
    await keeper(world).run()
    assert await counters(world) == before
    assert await gone(world, to.id) == (5, 0, 1, 0, 1)
    assert await faults(world) == []
    await delivered(world, to, 2)
    world.clock.advance(TERM * DAY)
    await keeper(world).run()
    assert await gone(world, to.id) == (7, 0, 1, 0, 1)
    assert await faults(world) == []


@pytest.mark.parametrize(
    "harm",
    ["UPDATE purged SET delivered = delivered - 1", "DELETE FROM purged", "UPDATE purged SET replayed = 1"],
)
async def test_rows_removed_without_being_counted_are_found(world: World, harm: str) -> None:
    to = await world.traffic.subscription()
    await delivered(world, to, 3)
    world.clock.advance(TERM * DAY)
    await keeper(world).run()
    assert await faults(world) == []
    await world.traffic.execute(harm)
    assert len(await faults(world)) > 0


async def test_tables_stay_flat_over_thirty_days(world: World) -> None:
    busy, held = await world.traffic.subscription(), await world.traffic.subscription()
    await world.traffic.accept(held)
    seen, everything = [], [*LARGE, "purged", "token_assertion", "refresh_token", "idempotency_key", "replay"]
    for _ in range(30):
        await delivered(world, busy, 2)
        await world.hold(held.id)
        await world.db.write(lambda tx: _a_day(tx, world))
        world.clock.advance(DAY)
        await keeper(world, days=3).run()
        seen.append(await sizes(world, everything))
    assert seen[-1] == seen[5]
    assert seen[-1]["log"] == 2 * 3 + 1 - 2
    assert await faults(world) == []


def _a_day(tx: Tx, world: World) -> None:
    """What a day leaves in the small tables."""
    now, environment = world.clock.now_ms(), world.traffic.environment_id
    c = {"client_id": new_id(), "jti_digest": new_id(), "expires_at": now + 300_000}
    tx.execute(tokens.token_assertion.insert().values(c))
    tx.execute(tokens.refresh_token.insert().values(digest=new_id(), key="key", expires_at=now + 300_000))
    once = idempotency.Once(environment, new_id(), "body", now)
    idempotency.insert(tx, once, {})
    values = {"id": new_id(), "environment_id": environment, "state": "done", "filter": "{}"}
    tx.execute(replays.replay.insert().values(**values, found=0, replayed=0, created_at=now, ended_at=now))


async def test_of_a_head_that_is_tried_for_ever_old_attempts_go_but_never_the_newest(world: World) -> None:
    to = await world.traffic.subscription()
    await world.traffic.accept(to)
    for _ in range(5):
        await world.hold(to.id)
        world.clock.advance(DAY)
    assert await keeper(world, days=2.5).run() == {"attempt": 3}
    world.clock.advance(30 * DAY)
    assert await keeper(world, days=2.5).run() == {"attempt": 1}
    assert (await sizes(world))["attempt"] == 1


async def test_a_log_with_more_attempts_than_a_commit_takes_goes_all_the_same(world: World) -> None:
    to = await world.traffic.subscription()
    await world.traffic.accept(to)
    for _ in range(9):
        await world.hold(to.id)
        world.clock.advance(1)
    await world.advance(to.id)
    world.clock.advance(TERM * DAY)
    assert await keeper(world, rows_a_commit=4).run() == {"attempt": 10, "log": 1, "entry": 1, "message": 1}


async def test_a_walk_goes_page_by_page_past_what_waits(world: World) -> None:
    held, other = await world.traffic.subscription(), await world.traffic.subscription()
    for _ in range(4):
        await world.traffic.accept(held)
        await delivered(world, other, 2)
    world.clock.advance(TERM * DAY)
    assert (await keeper(world, logs_a_page=3).run())["log"] == 8
    assert (await sizes(world))["log"] == 4


class Dying:
    """A store that dies before one of its writes, as a process that is killed does."""

    def __init__(self, db: Database, writes: int) -> None:
        self._db = db
        self._left = writes
        self.shared = db.shared
        self.read = db.read

    async def write(self, fn: Callable[[Tx], Any], **_: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unavailable("gone")
        return await self._db.write(fn)


async def test_a_pass_that_dies_at_any_commit_leaves_everything_consistent(world: World) -> None:
    to = await world.traffic.subscription()
    await delivered(world, to, 10)
    world.clock.advance(TERM * DAY)
    died, left = 0, 10
    while left:
        dying: Any = Dying(world.db, 8)  # seven for the small tables, and one for two logs
        with pytest.raises(Unavailable):
            await keeper(world, db=dying, rows_a_commit=8).run()
        died, before = died + 1, left
        left = (await sizes(world))["log"]
        assert left == before - 2
        assert await faults(world) == []
    assert died == 5
    assert await sizes(world) == dict.fromkeys(LARGE, 0)


class Between:
    """A store on which something else happens after a read, before the write that follows from it."""

    def __init__(self, db: Database, happens: Callable[[], Awaitable[Any]]) -> None:
        self._db = db
        self._happens = happens
        self.shared = db.shared
        self.write = db.write

    async def read(self, fn: Callable[[Tx], Any]) -> Any:
        found = await self._db.read(fn)
        await self._happens()
        return found


async def test_a_replay_of_many_leaves_out_what_was_removed_meanwhile(world: World, vault: Vault) -> None:
    to = await world.traffic.subscription()
    await delivered(world, to, 2)
    now = world.clock.now_ms()
    made = ReplayOfMany(new_id(), world.traffic.environment_id, ReplayState.running, {}, 2, 0, now, None)
    part = Part(made.id, to.destination_id, 0, 2)
    await world.db.write(lambda tx: replays.insert(tx, made, [part]))
    world.clock.advance(TERM * DAY)
    racing: Any = Between(world.db, keeper(world).run)
    await Running(racing, world.hot, vault, world.clock, lambda *_: None, room=lambda: None).step(made.id)
    assert await sizes(world) == dict.fromkeys(LARGE, 0)
    assert await faults(world) == []


CALLER = operator("test")


async def events(world: World, number: int) -> None:
    for _ in range(number):
        await world.db.write(_event(world))
        world.clock.advance(DAY)


def _event(world: World) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        audit.record(
            tx, CALLER, "tested", organization_id=world.traffic.organization_id, now_ms=world.clock.now_ms()
        )

    return write


async def broken(world: World) -> int | None:
    return await world.db.read(lambda tx: audit.broken_link(tx, world.traffic.organization_id))


async def trail(world: World) -> list[tuple[int, str]]:
    rows = await world.traffic.rows("SELECT number, type FROM audit_event ORDER BY number")
    return [(row.number, row.type) for row in rows]


def forgetful(world: World, audit_days: float) -> Retention:
    return Retention(world.db, world.clock, Metrics(), mine=lambda: True, days=None, audit_days=audit_days)


async def test_audit_events_have_a_term_of_their_own_and_the_chain_holds_from_the_first_kept(world: World) -> None:
    await events(world, 10)
    assert await forgetful(world, 4).run() == {"audit_event": 6}
    assert await trail(world) == [*((number, "tested") for number in range(7, 11)), (11, "audit-events-purged")]
    assert await broken(world) is None
    await events(world, 10)
    await forgetful(world, 4).run()
    assert await broken(world) is None
    assert await keeper(world).run() == {}


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM audit_event WHERE number = 7",
        "UPDATE audit_anchor SET number = 7, hash = (SELECT hash FROM audit_event WHERE number = 7)",
        "DELETE FROM audit_anchor",
        "UPDATE audit_anchor SET hash = 'another'",
        "DELETE FROM audit_event WHERE number = 11",
    ],
)
async def test_a_chain_that_was_cut_by_somebody_else_is_found(world: World, harm: str) -> None:
    await events(world, 10)
    await forgetful(world, 4).run()
    await world.traffic.execute(harm)
    if "= 7, hash" in harm:  # the event that the anchor names now goes with it
        await world.traffic.execute("DELETE FROM audit_event WHERE number = 7")
    assert await broken(world) is not None


async def test_a_trail_loses_nothing_until_a_whole_day_is_over(world: World) -> None:
    await events(world, 4)
    assert await forgetful(world, 3.5).run() == {}


@pytest.mark.parametrize(
    ("share", "took", "wanted"),
    [
        (3.0, 1.0, 3.0),
        (3.0, 10.0, 3.0),
        (3.0, 10.1, 1.5),
        (0.3, 11.0, LEAST_SHARE),
        (0.5, 9.0, 1.0),
        (2.0, 9.0, 3.0),
    ],
)
def test_a_pass_that_is_behind_rests_less_and_one_that_is_not_more(
    share: float, took: float, wanted: float
) -> None:
    assert hurried(share, took, 10.0, Pace(rest_share=3.0)) == wanted


def test_whoever_never_rests_does_not_begin_to() -> None:
    assert hurried(0, 11, 10, FAST) == hurried(0, 1, 10, FAST) == 0
