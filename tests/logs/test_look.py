"""Looking through logs by so many at a time: nothing is missed or found twice, and it says how far it came."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import traffic
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.ids import new_id
from waypost.logs import look
from waypost.logs import store as logs
from waypost.logs.look import Look, Position
from waypost.logs.store import LogQuery, LogState

COUNT = 7
NEWEST_FIRST = [f"log-{number:02d}" for number in range(20, 0, -1)]
SKIPPED = ["log-20", "log-15", "log-10", "log-05"]


@dataclass
class Shelf:
    """Twenty logs of the destination `d`, two accepted in each millisecond from 1,000 on, every fifth skipped."""

    traffic: Traffic

    async def fill(self) -> None:
        row = dict.fromkeys(("source_id", "subscription_id", "message_id"), "x") | {
            "environment_id": self.traffic.environment_id, "destination_id": "d", "data_model": "PatientAdmin",
            "event_type": "NewPatient", "updated_at": 0,
        }  # fmt: skip
        rows = [
            {**row, "id": f"log-{number:02d}", "seq": number, "accepted_at": 1_000 + number // 2,
             "state": "skipped" if number % 5 == 0 else "delivered"}
            for number in range(1, 21)
        ]  # fmt: skip
        await self.traffic.db.write(lambda tx: tx.execute(logs.log.insert(), rows) and None)

    async def one(self, wanted: LogQuery, *, most: int, before: Position | None = None, at: str = "") -> Look:
        environment_id = at or self.traffic.environment_id
        return await self.traffic.db.read(
            lambda tx: look.page(tx, environment_id, wanted, before=before, count=COUNT, most=most)
        )

    async def walk(self, wanted: LogQuery, most: int) -> tuple[list[str], int]:
        """Everything found, in its order, and in how many calls."""
        before: Position | None = None
        found: list[str] = []
        for calls in range(1, 100):
            one = await self.one(wanted, most=most, before=before)
            found += [log.id for log in one.logs]
            if one.following is None:
                return found, calls
            before = one.following
        raise AssertionError("it goes on for ever")


@pytest.fixture
async def shelf(db: Store, clock: SetClock) -> Shelf:
    made = Shelf(await traffic.found(db, clock))
    await made.fill()
    return made


@pytest.mark.parametrize("most", [1, 3, 20, 1000])
async def test_everything_is_found_once_newest_first(shelf: Shelf, most: int) -> None:
    for wanted in (LogQuery(), LogQuery(destination_id="d")):
        assert (await shelf.walk(wanted, most))[0] == NEWEST_FIRST


async def test_what_is_rare_takes_several_calls(shelf: Shelf) -> None:
    for wanted in (LogQuery(states=(LogState.skipped,)), LogQuery(states=(LogState.skipped,), destination_id="d")):
        found, calls = await shelf.walk(wanted, 3)
        assert found == SKIPPED
        assert calls > 4
        assert await shelf.walk(wanted, 1000) == (SKIPPED, 1)


async def test_a_look_ends_where_the_range_begins(shelf: Shelf) -> None:
    wanted = LogQuery(created_after=1_008, created_before=1_009, states=(LogState.skipped,))
    assert await shelf.walk(wanted, 100) == ([], 1)
    assert await shelf.walk(LogQuery(created_after=1_009, created_before=1_009), 2) == (["log-19", "log-18"], 1)


async def test_a_look_says_how_far_it_came(shelf: Shelf) -> None:
    found = await shelf.one(LogQuery(states=(LogState.parked,)), most=4)
    assert (found.logs, found.back_to) == ([], 1_008)
    found = await shelf.one(LogQuery(states=(LogState.parked,), destination_id="d"), most=4)
    assert (found.logs, found.back_to) == ([], 1_008)
    assert (await shelf.one(LogQuery(states=(LogState.parked,)), most=20)).back_to is None


async def test_the_logs_of_another_environment_are_not_found(shelf: Shelf) -> None:
    for wanted in (LogQuery(), LogQuery(destination_id="d")):
        assert (await shelf.one(wanted, most=100, at="elsewhere")).logs == []


@pytest.mark.parametrize("many", [0, 1000])
async def test_a_destinations_logs_are_the_same_by_time_and_by_its_index(shelf: Shelf, many: int) -> None:
    environment_id = shelf.traffic.environment_id

    async def found(wanted: LogQuery, before: Position | None = None) -> list[str]:
        def read(tx: Any) -> list[Any]:
            return logs.page(tx, environment_id, wanted, before=before, count=COUNT, many=many)

        return [log.id for log in await shelf.traffic.db.read(read)]

    assert await found(LogQuery(destination_id="d")) == NEWEST_FIRST[: COUNT + 1]
    assert await found(LogQuery(destination_id="d"), (1_007, "log-14")) == NEWEST_FIRST[7 : 8 + COUNT]
    assert await found(LogQuery(destination_id="d", states=(LogState.skipped,))) == SKIPPED
    assert await found(LogQuery(destination_id="d", created_before=1_000)) == ["log-01"]
    assert await found(LogQuery(destination_id="e")) == []


async def attempts(shelf: Shelf, *made: Mapping[str, Any]) -> None:
    rows = [{"id": new_id(), "ended_at": each["started_at"], "status": 503, **each} for each in made]
    await shelf.traffic.db.write(lambda tx: tx.execute(logs.attempt.insert(), rows) and None)


async def test_failures_are_the_newest_of_the_environment_whatever_has_failed_elsewhere(shelf: Shelf) -> None:
    await shelf.traffic.execute("UPDATE log SET attempts = 2 WHERE id <> 'log-04'")
    await shelf.traffic.execute("UPDATE log SET environment_id = 'elsewhere' WHERE id = 'log-05'")
    await attempts(
        shelf,
        {"log_id": "log-01", "started_at": 10, "outcome": "failed", "reason": "old"},
        {"log_id": "log-02", "started_at": 20, "outcome": "failed", "reason": "the one before"},
        {"log_id": "log-02", "started_at": 30, "outcome": "failed", "reason": "new"},
        {"log_id": "log-02", "started_at": 35, "outcome": "delivered", "reason": None},
        {"log_id": "log-03", "started_at": 40, "outcome": "delivered", "reason": None},
        *({"log_id": "log-05", "started_at": 50, "outcome": "failed", "reason": "not ours"} for _ in range(9)),
    )

    async def reasons(*also: str, among: int = 20, count: int = 5) -> list[str | None]:
        def read(tx: Any) -> list[look.FailedAttempt]:
            return look.failures(tx, shelf.traffic.environment_id, count=count, also=also, among=among)

        return [each.reason for each in await shelf.traffic.db.read(read)]

    assert await reasons() == ["new", "old"]
    assert await reasons(count=1) == ["new"]
    assert await reasons(among=18) == ["new"]
    assert await reasons("log-01", "log-05", among=1) == ["old"]
