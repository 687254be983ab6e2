"""Budgets of bytes: who gets what, and in which order."""

import asyncio

from waypost.memory import SMALL, Budget, Share


def test_a_budget_gives_what_it_has_and_no_more() -> None:
    budget = Budget(100)
    assert (budget.take(60), budget.take(60), budget.take(40)) == (True, False, True)
    budget.give(60)
    assert (budget.take(20, share=0.5), budget.take(20), budget.used) == (False, True, 60)


def test_what_is_larger_than_all_of_it_passes_alone() -> None:
    budget = Budget(100)
    assert budget.take(500)
    assert not budget.take(1)
    budget.give(500)
    assert budget.take(1)


async def test_those_who_wait_are_served_in_their_order_and_before_newcomers() -> None:
    budget = Budget(100)
    assert budget.take(100)
    served: list[int] = []

    async def wait(size: int) -> None:
        assert await budget.claim(size, 10)
        served.append(size)

    waiting = [asyncio.create_task(wait(size)) for size in (80, 20)]
    await asyncio.sleep(0)
    budget.give(30)
    assert not budget.take(1), "a newcomer does not pass those who wait"
    assert served == []
    budget.give(70)
    await asyncio.gather(*waiting)
    assert (served, budget.used) == ([80, 20], 100)


async def test_who_waits_in_vain_leaves_nothing_behind() -> None:
    budget = Budget(100)
    assert budget.take(60)
    assert not await budget.claim(50, 0.01)
    waiting = asyncio.create_task(budget.claim(50, 10))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert budget.take(40)
    budget.give(100)
    assert budget.used == 0


def test_a_hold_counts_what_is_beyond_the_small() -> None:
    budget = Budget(100)
    hold = Share(budget)
    assert (hold.grow(SMALL), budget.used) == (True, 0)
    assert (hold.grow(60), hold.grow(60), budget.used) == (True, False, 60)
    hold.shrink(SMALL + 10)
    assert budget.used == 10
    hold.drop()
    hold.drop()
    assert budget.used == 0


def test_a_hold_moves_where_there_is_room() -> None:
    here, there, full = Budget(100), Budget(100), Budget(10)
    assert full.take(10)
    hold = Share(here)
    assert hold.grow(SMALL + 50)
    hold.move(full)
    assert here.used == 50
    hold.move(there)
    assert (here.used, there.used) == (0, 50)
    hold.drop()
    assert there.used == 0
