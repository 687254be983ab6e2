"""Making messages durable: while one write is under way, what comes in for its environment gathers for the next.

Statements are run once for many messages, and a round trip to the database is paid once for all of them.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from waypost.db.database import Database, Tx
from waypost.errors import Conflict, Unavailable
from waypost.messages import idempotency
from waypost.messages.idempotency import Once
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import Routes, Unroutable
from waypost.queues.model import Accept
from waypost.queues.port import Hot, accepting

AT_ONCE = 2
"""Writes of an environment under way: one is made ready while the other is synced."""
MOST_TOGETHER = 64
"""Messages that gather in a write."""

Refused = MessageInvalid | Unroutable | Conflict | Unavailable
"""Why one message was not accepted."""


class RoutesMoved(Exception):
    """The routes in memory are older than those in the store."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is written, nothing when its key was used before; and the answer, log ids in `Destinations` order."""

    given: Accept | None
    meta: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a message under the routes it was planned for, unless its key was used before."""

    once: Once | None
    step: Acceptance | MessageInvalid | Unroutable | Unavailable


Settled = list[Acceptance | Refused]
"""What became of each plan, in their order."""


@dataclass(slots=True)
class _Part:
    """One request's plans, and who waits for them."""

    plans: Sequence[Plan]
    routes: Routes
    settled: "asyncio.Future[Settled]"


@dataclass(slots=True)
class _Line:
    """What goes on in an environment."""

    under_way: int = 0
    waiting: deque[_Part] = field(default_factory=deque)


class Writing:
    """Carries plans out."""

    def __init__(self, db: Database, hot: Hot) -> None:
        self._db = db
        self._hot = hot
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def settled(self, plans: Sequence[Plan], routes: Routes) -> Settled:
        """What became of these plans, carried out in one transaction and durable.

        Raises RoutesMoved and errors.Unavailable, having changed nothing.
        """
        line = self._lines.setdefault(routes.environment_id, _Line())
        if line.under_way >= AT_ONCE:
            part = _Part(plans, routes, asyncio.get_running_loop().create_future())
            line.waiting.append(part)
            return await part.settled
        line.under_way += 1
        try:
            return await self._write(plans, routes)
        finally:
            self._ended(routes.environment_id, line)

    def _ended(self, environment_id: str, line: _Line) -> None:
        """A write is over: begin the next one, with what has gathered."""
        line.under_way -= 1
        if line.waiting:
            line.under_way += 1
            task = asyncio.create_task(self._write_together(environment_id, line, _next(line.waiting)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif not line.under_way:
            del self._lines[environment_id]

    async def _write_together(self, environment_id: str, line: _Line, parts: Sequence[_Part]) -> None:
        try:
            await self._settle(parts)
        finally:
            for part in parts:
                part.settled.cancel()  # does nothing to those that are settled
            self._ended(environment_id, line)

    async def _settle(self, parts: Sequence[_Part]) -> None:
        """Settle all parts in one write; when one of them does harm, each in its own."""
        routes = parts[0].routes
        try:
            found = iter(await self._write([plan for part in parts for plan in part.plans], routes))
        except Exception as error:
            if len(parts) > 1 and not isinstance(error, (RoutesMoved, Unavailable)):
                for part in parts:
                    await self._settle([part])
                return
            for part in parts:
                if not part.settled.done():
                    part.settled.set_exception(error)
            return
        for part in parts:
            mine = [next(found) for _ in part.plans]
            if not part.settled.done():  # whoever waited has left
                part.settled.set_result(mine)

    async def _write(self, plans: Sequence[Plan], routes: Routes) -> Settled:
        given = [
            plan.step.given for plan in plans if isinstance(plan.step, Acceptance) and plan.step.given is not None
        ]
        if not given:
            return await self._db.read(lambda tx: self._run(tx, plans, routes))
        beside = accepting(target for each in given for target in each.targets)
        return await self._db.write(lambda tx: self._run(tx, plans, routes), beside=beside)

    def _run(self, tx: Tx, plans: Sequence[Plan], routes: Routes) -> Settled:
        if self._hot.environment_version(tx, routes.environment_id) != routes.version:
            raise RoutesMoved
        settled = [_decided(tx, plan) for plan in plans]
        given = [each.given for each in settled if isinstance(each, Acceptance) and each.given is not None]
        if given:
            self._hot.accept(tx, *given)
        return settled


def _next(waiting: deque[_Part]) -> list[_Part]:
    """What is written next: parts under the same routes, up to so many messages and one at least."""
    parts = [waiting.popleft()]
    size = len(parts[0].plans)
    while waiting and waiting[0].routes is parts[0].routes and size + len(waiting[0].plans) <= MOST_TOGETHER:
        parts.append(waiting.popleft())
        size += len(parts[-1].plans)
    return parts


def _decided(tx: Tx, plan: Plan) -> Acceptance | Refused:
    """What becomes of one message: as planned, unless its key was used; a new key is remembered."""
    if plan.once is None:
        return plan.step
    try:
        before = idempotency.find(tx, plan.once)
    except Conflict as error:
        return error
    if before is not None:
        return Acceptance(None, before)
    if isinstance(plan.step, Acceptance):
        idempotency.insert(tx, plan.once, plan.step.meta)
    return plan.step
