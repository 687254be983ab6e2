"""What gathers while a write is under way shares the next one, and nobody pays for another's message."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.messages.conftest import World, a_message
from tests.support.traffic import Traffic
from waypost.db.sqlite import library
from waypost.ids import new_id
from waypost.messages import routing
from waypost.messages.routing import Routes
from waypost.messages.writing import Acceptance, Plan, RoutesMoved, Writing
from waypost.queues.model import Accept
from waypost.subscriptions.model import Subscription


def plan(given: Accept) -> Plan:
    return Plan(None, Acceptance(given, {"Logs": [addressee.log_id for addressee in given.addressees]}))


async def routes_of(world: World) -> Routes:
    environment_id = world.traffic.environment_id
    return await world.db.read(lambda tx: routing.load(tx, world.vault, environment_id))


async def in_queue(traffic: Traffic, made: Subscription) -> list[str]:
    """The log ids in a queue, in order."""
    rows = await traffic.rows("SELECT log_id FROM entry WHERE queue_id = :id ORDER BY seq", id=made.id)
    return [row[0] for row in rows]


async def test_messages_that_come_at_once_share_few_writes(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    world.db.writes = world.db.reads = 0
    answers = await asyncio.gather(*(world.accept(a_message(made.destination_id)) for _ in range(100)))
    assert world.db.reads == 0
    assert 2 <= world.db.writes <= 6
    logs = [answer["Logs"][0]["ID"] for answer in answers]
    assert sorted((await in_queue(world.traffic, made))[1:]) == sorted(logs)


async def test_a_message_that_does_harm_is_refused_alone(world: World) -> None:
    made = await world.traffic.subscription()
    writing, routes = Writing(world.db, world.traffic.hot), await routes_of(world)
    before, *given = [world.traffic.message(made) for _ in range(31)]
    await writing.settled([plan(before)], routes)
    [taken] = before.addressees
    given[20] = replace(given[20], addressees=(replace(given[20].addressees[0], log_id=taken.log_id),))
    settled = await asyncio.gather(
        *(writing.settled([plan(each)], routes) for each in given), return_exceptions=True
    )
    assert isinstance(settled.pop(20), (sa.exc.IntegrityError, library().IntegrityError))
    assert [each for each in settled if isinstance(each, BaseException)] == []
    taken_in = [each.addressees[0].log_id for each in [before, *given[:20], *given[21:]]]
    assert sorted(await in_queue(world.traffic, made)) == sorted(taken_in)


async def test_whoever_leaves_takes_nothing_along(world: World) -> None:
    made = await world.traffic.subscription()
    writing, routes = Writing(world.db, world.traffic.hot), await routes_of(world)
    given = [world.traffic.message(made) for _ in range(20)]
    asking = [asyncio.create_task(writing.settled([plan(each)], routes)) for each in given]
    await asyncio.sleep(0)
    for each in asking[::2]:
        each.cancel()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in done[::2]] == [asyncio.CancelledError] * 10
    assert [each for each in done[1::2] if isinstance(each, BaseException)] == []
    assert set(await in_queue(world.traffic, made)) >= {each.addressees[0].log_id for each in given[1::2]}
    await writing.settled([plan(world.traffic.message(made))], routes)  # and the next one finds its way


async def test_plans_for_routes_that_moved_change_nothing(world: World) -> None:
    made = await world.traffic.subscription()
    writing, routes = Writing(world.db, world.traffic.hot), await routes_of(world)
    await world.traffic.subscription()
    asking = (writing.settled([plan(world.traffic.message(made))], routes) for _ in range(10))
    settled = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in settled] == [RoutesMoved] * 10
    assert await in_queue(world.traffic, made) == []


@pytest.mark.parametrize("at_once", [1, 40])
async def test_one_key_at_the_same_moment_is_one_message(world: World, at_once: int) -> None:
    made = await world.traffic.subscription()
    body, key = a_message(made.destination_id), new_id()
    answers = await asyncio.gather(*(world.accept(body, key=key) for _ in range(at_once)))
    assert [answer == answers[0] for answer in answers] == [True] * at_once
    assert len(await in_queue(world.traffic, made)) == 1
