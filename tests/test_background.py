"""Work in the background: nothing but `stop` ends it, and every failure is a line in the log."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from waypost.background import Loop
from waypost.errors import Unavailable

A_DAY = 86_400.0


class Work:
    """Does what it is told next, and counts. Once it was told nothing, it rests for a day."""

    def __init__(self, *coming: float | Exception) -> None:
        self.coming = list(coming)
        self.done = asyncio.Semaphore(0)

    async def __call__(self) -> float:
        self.done.release()
        told = self.coming.pop(0) if self.coming else A_DAY
        if isinstance(told, Exception):
            raise told
        return told

    async def times(self, count: int) -> None:
        """Wait until it was done so often more."""
        for _ in range(count):
            await asyncio.wait_for(self.done.acquire(), 10)


@pytest.fixture
async def loops() -> AsyncIterator[list[Loop]]:
    """Loops that are stopped when the test is over."""
    made: list[Loop] = []
    yield made
    for each in made:
        await each.stop()


def started(loops: list[Loop], work: Work, **more: float) -> Loop:
    loop = Loop("sweeping", work, rest_seconds=0)
    loops.append(loop)
    loop.start(**more)
    return loop


async def test_work_says_when_it_is_done_next(loops: list[Loop]) -> None:
    work = Work(0, 0, A_DAY)
    started(loops, work)
    await work.times(3)
    assert work.done.locked()


async def test_neither_a_store_that_is_away_nor_a_fault_ends_it_and_the_log_says_which(loops: list[Loop]) -> None:
    work = Work(Unavailable("Away."), Unavailable("Away."), A_DAY, RuntimeError("a secret"), A_DAY)
    with capture_logs() as lines:
        loop = started(loops, work)
        await work.times(3)
        loop.wake()
        await work.times(2)
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("sweeping.rests", "warning"), ("sweeping.resumed", "info"), ("sweeping.failed", "error"),
    ]  # fmt: skip


async def test_it_is_woken_before_its_time(loops: list[Loop]) -> None:
    work = Work(A_DAY, A_DAY)
    loop = started(loops, work, after_seconds=A_DAY)
    assert work.done.locked()
    for _ in range(2):
        loop.wake()
        await work.times(1)


async def test_a_wake_while_the_work_is_done_has_it_done_once_more(loops: list[Loop]) -> None:
    done = asyncio.Semaphore(0)

    async def work() -> float:
        if not woken:
            woken.append(True)
            loop.wake()
        done.release()
        return A_DAY

    woken: list[bool] = []
    loop = Loop("sweeping", work, rest_seconds=0)
    loops.append(loop)
    loop.start()
    for _ in range(2):
        await asyncio.wait_for(done.acquire(), 10)


async def test_it_starts_once_stops_twice_and_starts_again(loops: list[Loop]) -> None:
    work = Work(A_DAY, A_DAY)
    loop = started(loops, work)
    loop.start()
    await work.times(1)
    assert loop.is_running
    await loop.stop()
    await loop.stop()
    assert not loop.is_running
    assert work.done.locked()
    loop.start()
    await work.times(1)


async def test_work_is_broken_off_by_a_stop() -> None:
    begun = asyncio.Event()

    async def work() -> float:
        begun.set()
        await asyncio.sleep(A_DAY)
        raise AssertionError("it went on")

    loop = Loop("sweeping", work, rest_seconds=0)
    loop.start()
    await begun.wait()
    await asyncio.wait_for(loop.stop(), 10)
