"""Waiting for something to become so, with a deadline: what tests have in place of sleeps."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 15.0
_EVERY = 0.01


def until(check: Callable[[], T], what: str = "it", *, seconds: float = SECONDS) -> T:
    """The first answer of `check` that counts as true; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        threading.Event().wait(_EVERY)
    return found


async def eventually(check: Callable[[], T], what: str = "it", *, seconds: float = SECONDS) -> T:
    """`until`, for async tests."""
    return await asyncio.to_thread(until, check, what, seconds=seconds)
