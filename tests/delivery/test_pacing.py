"""Deliveries begin a few in each turn of the loop, in order, and nobody who goes keeps a place."""

import asyncio

import pytest

from waypost.delivery.pacing import Turnstile


async def begun(pace: Turnstile, count: int) -> list[tuple[int, int]]:
    """So many who ask at once: each with its number and the turn in which it was let through."""
    turns = 0
    found: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()

    def count_turn() -> None:
        nonlocal turns
        turns += 1
        if len(found) < count:
            loop.call_soon(count_turn)

    async def one(number: int) -> None:
        await pace.turn()
        found.append((number, turns))

    loop.call_soon(count_turn)
    await asyncio.gather(*(one(number) for number in range(count)))
    return found


async def test_in_each_turn_a_few_begin_and_in_their_order() -> None:
    found = await begun(Turnstile(3), 20)
    assert [number for number, _ in found] == list(range(20))
    in_turn = [turn for _, turn in found]
    assert max(in_turn.count(turn) for turn in in_turn) <= 3
    assert in_turn[-1] - in_turn[0] <= 10


async def test_a_few_alone_do_not_wait() -> None:
    pace = Turnstile(3)
    for _ in range(3):
        with pytest.raises(StopIteration):  # it returns without having let anybody else run
            pace.turn().send(None)


async def test_whoever_goes_leaves_the_place_to_the_next() -> None:
    pace = Turnstile(1)
    await pace.turn()
    waiting = [asyncio.create_task(pace.turn()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    await asyncio.wait_for(waiting[4], 5)
    await asyncio.wait_for(pace.turn(), 5)
