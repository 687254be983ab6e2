"""What a node does again and again in the background: begun, woken and ended in one way, and ended by no fault.

A store that is away is a line in the log (`<name>.rests`), and one when it is back (`<name>.resumed`); a fault of
ours is a line each time (`<name>.failed`). Either way the work is done again after a rest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from waypost.errors import Unavailable

log = structlog.get_logger("waypost.background")


async def ended(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel these, and wait until they are over."""
    there = [task for task in tasks if task is not None]
    for task in there:
        task.cancel()
    await asyncio.gather(*there, return_exceptions=True)


class Loop:
    """Work that says after how many seconds it should be done next. `start` and `stop` are safe to call twice."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[float]],
        *,
        rest_seconds: float,
        fault_seconds: float | None = None,
    ) -> None:
        """`name` is the noun in the log; `rest_seconds` passes while the store is away.

        After a fault of ours `fault_seconds` pass, where they are given: it may come again each time.
        """
        self._name = name
        self._work = work
        self._rest_seconds = rest_seconds
        self._fault_seconds = fault_seconds or rest_seconds
        self._rests = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._task is not None

    def start(self, *, after_seconds: float = 0) -> None:
        """Do the work after so many seconds, and go on."""
        if self._task is None:
            self._task = asyncio.create_task(self._again(after_seconds), name=f"waypost {self._name}")

    def wake(self) -> None:
        """Do the work now; once more, if it is being done."""
        self._woken.set()

    async def stop(self) -> None:
        """Break off what is being done, and do nothing more."""
        task, self._task = self._task, None
        await ended(task)

    async def once(self) -> float:
        """Do the work now; the seconds until it should be done next."""
        self._woken.clear()
        try:
            seconds = await self._work()
        except Unavailable as error:
            if not self._rests:
                log.warning(f"{self._name}.rests", detail=error.detail)
            self._rests = True
            return self._rest_seconds
        except Exception as error:  # a fault of ours must not end it for good
            log.error(f"{self._name}.failed", exc_info=error)
            return self._fault_seconds
        if self._rests:
            log.info(f"{self._name}.resumed")
        self._rests = False
        return seconds

    async def _again(self, seconds: float) -> None:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
            seconds = await self.once()
