"""Writes that gather: while some are under way, what comes meanwhile is written together, next.

Statements are run once for many, and a round trip to the database is paid once for all of them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from waypost.errors import Unavailable

G = TypeVar("G")
F = TypeVar("F")


@dataclass(slots=True)
class _Part(Generic[G, F]):
    """What is to be written, and who waits for what came of it."""

    given: G
    found: "asyncio.Future[F]"


class Gathering(Generic[G, F]):
    """Writes by `write`, which says what came of each in their order, so many `at_once`.

    Together go those that are `alike`, up to `most` by their `size`, and one at least. A write that fails is made
    again for each alone, but not after an error of `for_all`: it is everybody's, as is a store that is away.
    """

    def __init__(
        self,
        write: Callable[[Sequence[G]], Awaitable[Sequence[F]]],
        *,
        at_once: int,
        most: int,
        size: Callable[[G], int] = lambda _: 1,
        alike: Callable[[G, G], bool] = lambda _, __: True,
        for_all: tuple[type[Exception], ...] = (),
    ) -> None:
        self._write = write
        self._at_once = at_once
        self._most = most
        self._size = size
        self._alike = alike
        self._for_all: tuple[type[Exception], ...] = (Unavailable, *for_all)
        self._under_way = 0
        self._waiting: deque[_Part[G, F]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return not self._under_way

    async def written(self, given: G) -> F:
        """Write it, at once or with others; what came of it. Raises what `write` does."""
        if self._under_way >= self._at_once:
            part = _Part[G, F](given, asyncio.get_running_loop().create_future())
            self._waiting.append(part)
            return await part.found
        self._under_way += 1
        try:
            [found] = await self._write([given])
            return found
        finally:
            self._ended()

    def _ended(self) -> None:
        """A write is over: begin the next one, with what has gathered."""
        self._under_way -= 1
        if self._waiting:
            self._under_way += 1
            task = asyncio.create_task(self._write_together(self._next()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> list[_Part[G, F]]:
        first = self._waiting.popleft()
        parts, size = [first], self._size(first.given)
        while self._waiting:
            given = self._waiting[0].given
            size += self._size(given)
            if size > self._most or not self._alike(first.given, given):
                break
            parts.append(self._waiting.popleft())
        return parts

    async def _write_together(self, parts: Sequence[_Part[G, F]]) -> None:
        try:
            await self._settle(parts)
        finally:
            for part in parts:
                part.found.cancel()  # does nothing to those that are settled
            self._ended()

    async def _settle(self, parts: Sequence[_Part[G, F]]) -> None:
        try:
            found = await self._write([part.given for part in parts])
        except Exception as error:
            if len(parts) > 1 and not isinstance(error, self._for_all):
                for part in parts:
                    await self._settle([part])
                return
            for part in parts:
                if not part.found.done():
                    part.found.set_exception(error)
            return
        for part, mine in zip(parts, found, strict=True):
            if not part.found.done():  # whoever waited has left
                part.found.set_result(mine)
