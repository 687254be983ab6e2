"""Glances at an environment: kept for a moment, and what waits longest is known from the one before."""

from tests.conftest import SetClock
from tests.support import traffic
from tests.support.stores import Store
from waypost.dashboard.readings.glance import FRESH_MS, Glances


async def test_the_oldest_is_not_looked_for_twice(db: Store, clock: SetClock) -> None:
    made = await traffic.found(db, clock)
    queue = await made.subscription()
    await made.accept(queue)
    glances, accepted_at = Glances(db, clock), clock.now_ms()
    assert (await glances.at(made.environment_id)).oldest_at == accepted_at
    await made.execute("DELETE FROM entry")
    clock.advance(FRESH_MS / 1000 + 1)
    assert (await glances.at(made.environment_id)).oldest_at == accepted_at
    assert (await Glances(db, clock).at(made.environment_id)).oldest_at is None


async def test_a_glance_serves_all_who_look_for_a_moment(db: Store, clock: SetClock) -> None:
    made = await traffic.found(db, clock)
    queue = await made.subscription()
    glances = Glances(db, clock)
    first = await glances.at(made.environment_id)
    await made.accept(queue)
    assert await glances.at(made.environment_id) is first
    clock.advance(FRESH_MS / 1000 + 1)
    assert (await glances.at(made.environment_id)).figures.pending == 1
