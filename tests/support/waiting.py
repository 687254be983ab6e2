"""Waiting for something to become so, with a deadline: what tests have in place of sleeps."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 60.0
"""How long until it is a failure: long, as a machine may be busy. What passes does not wait for it."""
_FIRST, _LONGEST = 0.005, 0.05
"""Looking often, and by HTTP at that, takes the time of whoever is waited for."""


def until(check: Callable[[], T], what: str = "it", *, seconds: float = SECONDS) -> T:
    """The first answer of `check` that counts as true; fails when there is none in time."""
    end, pause = time.monotonic() + seconds, _FIRST
    while not (found := check()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        threading.Event().wait(pause)
        pause = min(1.5 * pause, _LONGEST)
    return found


async def eventually(check: Callable[[], T], what: str = "it", *, seconds: float = SECONDS) -> T:
    """`until`, for async tests."""
    return await asyncio.to_thread(until, check, what, seconds=seconds)
