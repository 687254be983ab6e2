"""What was accepted and delivered in each minute: the counters' differences, whatever ran in between."""

from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import traffic
from tests.support.house import House
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.ledger import minutes
from waypost.ledger.minutes import KEPT

MINUTE = 60.0


class Counters:
    """An environment whose counters are set by hand, a minute apart."""

    def __init__(self, made: Traffic, clock: SetClock) -> None:
        self.traffic = made
        self.clock = clock

    async def stand_at(self, accepted: int, delivered: int) -> None:
        await self.traffic.execute("UPDATE queue_tail SET accepted = :n", n=accepted)
        await self.traffic.execute("UPDATE queue_head SET delivered = :n", n=delivered)

    async def write(self) -> None:
        await self.traffic.db.write(lambda tx: minutes.write(tx, self.clock.now_ms()))

    async def last(self, count: int = 4) -> list[tuple[int, int]]:
        def read(tx: Any) -> list[minutes.Minute]:
            return minutes.last(tx, self.traffic.environment_id, count, self.clock.now_ms())

        return [(each.accepted, each.delivered) for each in await self.traffic.db.read(read)]


@pytest.fixture
async def counters(db: Store, clock: SetClock) -> Counters:
    made = await traffic.found(db, clock)
    await made.subscription()
    return Counters(made, clock)


async def test_a_minute_is_the_difference_of_two_readings(counters: Counters) -> None:
    await counters.write()
    await counters.stand_at(5, 3)
    counters.clock.advance(MINUTE)
    await counters.write()
    await counters.stand_at(9, 9)
    assert await counters.last() == [(0, 0), (0, 0), (5, 3), (4, 6)]
    counters.clock.advance(MINUTE)
    await counters.write()
    assert await counters.last(2) == [(4, 6), (0, 0)]


async def test_what_came_before_the_first_reading_is_in_no_minute(counters: Counters) -> None:
    await counters.stand_at(1000, 900)
    assert await counters.last() == [(0, 0)] * 4
    await counters.write()
    await counters.stand_at(1001, 900)
    assert await counters.last() == [(0, 0), (0, 0), (0, 0), (1, 0)]


async def test_what_happened_while_nobody_wrote_stands_in_the_next_minute(counters: Counters) -> None:
    await counters.write()
    await counters.stand_at(8, 8)
    counters.clock.advance(3 * MINUTE)
    await counters.write()
    assert await counters.last() == [(0, 0), (0, 0), (8, 8), (0, 0)]


async def test_a_minute_is_written_once_and_not_kept_for_ever(counters: Counters) -> None:
    await counters.write()
    await counters.stand_at(5, 5)
    await counters.write()
    counters.clock.advance(MINUTE)
    await counters.write()
    assert (await counters.last())[-2:] == [(5, 5), (0, 0)]
    counters.clock.advance((KEPT + 1) * MINUTE)
    await counters.write()
    [kept] = await counters.traffic.rows("SELECT count(DISTINCT minute) AS n FROM ledger_minute")
    assert kept.n == 1


def test_the_minutes_can_be_read_over_http(house: House, route: dict[str, Any]) -> None:
    path = f"/waypost/v1/environments/{house.environments['Development']}/ledger/minutes"
    house.run(house.waypost.engine.minutes.run())
    answered = house.call("GET", f"{path}?_count=3", by="viewer")
    assert answered.status == 200
    assert [(each["accepted"], each["delivered"]) for each in answered.payload["minutes"]] == [(0, 0)] * 3
    assert house.call("GET", f"{path}?_count=1441").status == 400
    assert house.call("GET", path, by="outsider").status == 404
