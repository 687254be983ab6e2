"""Destinations as they stand: what lists and live pages read, on both stores."""

from typing import get_args

import pytest

from tests.conftest import SetClock
from tests.support import traffic
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.destinations import listing
from waypost.destinations import store as destinations
from waypost.destinations.listing import DestinationQuery, Which
from waypost.queues import standing, store
from waypost.queues.standing import Standing


@pytest.fixture
async def made(db: Store, clock: SetClock) -> Traffic:
    return await traffic.found(db, clock)


async def put(made: Traffic, queue_id: str, state: str, since: int | None = None) -> None:
    statement = "UPDATE queue_head SET state = :state, held_since = :since, delivered = 4 WHERE queue_id = :id"
    await made.execute(statement, id=queue_id, state=state, since=since)


def wanted(made: Traffic, state: Which = "all", term: str = "") -> DestinationQuery:
    return DestinationQuery(made.environment_id, standing.held_destinations(made.environment_id), term, state)


async def names(made: Traffic, search: DestinationQuery, after: str | None = None, count: int = 10) -> list[str]:
    found = await made.db.read(lambda tx: listing.page(tx, search, after=after, count=count))
    return [each.name for each in found]


async def test_a_destination_stands_as_all_its_queues_together(made: Traffic) -> None:
    ward, source_id = await made.destination(), await made.source()
    first = await made.subscription(source_id, ward)
    second = await made.subscription(source_id, ward, "Order")
    third = await made.subscription(source_id, ward, "Results")
    for each in (first, first, first, first, first, second, second, second, second, third, third, third, third):
        await made.accept(each)
    await put(made, first.id, "held", since=300)
    await put(made, second.id, "waiting")
    await put(made, third.id, "paused")
    found = await made.db.read(lambda tx: standing.of_destination(tx, ward))
    assert found == Standing(queues=3, held=2, paused=1, waiting=1, delivered=12, held_since=300)
    assert found.word == "held"
    assert await made.db.read(lambda tx: standing.of_destination(tx, "none")) == Standing()
    assert Standing().word == "idle"


async def test_its_queues_come_with_the_longest_held_first(made: Traffic) -> None:
    ward, source_id = await made.destination(), await made.source()
    queues = [(await made.subscription(source_id, ward, model)).id for model in ("A", "B", "C", "D")]
    for queue_id, state, since in zip(
        queues, ("idle", "held", "held", "paused"), (None, 200, 100, None), strict=True
    ):
        await put(made, queue_id, state, since)
    found = await made.db.read(lambda tx: store.of_destination(tx, ward, count=3))
    assert [each.queue_id for each in found] == [queues[2], queues[1], queues[3]]


async def test_destinations_are_listed_by_name_in_pages(made: Traffic) -> None:
    ids = {name: await made.destination(name) for name in ("c", "a", "b", "d")}
    assert await names(made, wanted(made), count=2) == ["a", "b", "c"]
    assert await names(made, wanted(made), after=ids["b"], count=2) == ["c", "d"]
    assert await names(made, wanted(made), after="none") == []
    await made.execute("UPDATE destination SET deleted_at = 1 WHERE id = :id", id=ids["c"])
    assert await names(made, wanted(made), after=ids["b"]) == ["d"]


async def test_they_are_counted_and_filtered_by_state(made: Traffic) -> None:
    await made.destination("plain", endpoint="https://PLAIN.example.com/a_b")
    await made.destination("proved", verification_state="verified")
    await made.destination("half", setup='{"step": "settings"}')
    stuck = await made.subscription(None, await made.destination("stuck"))
    await put(made, stuck.id, "waiting")
    counts = await made.db.read(lambda tx: listing.counts(tx, wanted(made)))
    assert counts == {"all": 4, "held": 1, "unfinished": 1, "unverified": 2}
    found = {state: await names(made, wanted(made, state)) for state in get_args(Which)}
    assert found == {
        "all": ["half", "plain", "proved", "stuck"],
        "held": ["stuck"],
        "unfinished": ["half"],
        "unverified": ["plain", "stuck"],
    }
    assert await names(made, wanted(made, term="plain.EXAMPLE")) == ["plain"]
    assert await names(made, wanted(made, term="a_b")) == ["plain"]
    assert await names(made, wanted(made, term="a%b")) == []


async def test_who_uses_a_credential_is_counted_and_named(made: Traffic) -> None:
    for name, key in (("b", "one"), ("a", "one"), ("c", "two"), ("d", None)):
        await made.destination(name, credential_id=key)
    used = await made.db.read(lambda tx: destinations.use_of_credentials(tx, made.environment_id))
    assert used == {"one": 2, "two": 1}
    users = await made.db.read(lambda tx: destinations.using(tx, "one", count=10))
    assert [each.name for each in users] == ["a", "b"]
