"""Making messages durable: those of an environment together, when they come while others are being written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waypost.db.database import Database, Tx
from waypost.db.gathering import Gathering
from waypost.errors import Conflict, Unavailable
from waypost.messages import idempotency
from waypost.messages.idempotency import Once
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import NotAccepted, Routes, Unroutable
from waypost.queues.model import Accept
from waypost.queues.port import Hot, rows_of_accept

AT_ONCE = 2
"""Writes of an environment under way: one is made ready while the other is synced."""
MOST_TOGETHER = 64
"""Messages that gather in a write."""


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


Written = list[Acceptance | NotAccepted]
"""What became of each plan, in their order."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One request's plans, and the routes that they were made under."""

    plans: Sequence[Plan]
    routes: Routes


class Writing:
    """Carries plans out: those of an environment that come while a write is under way, in one write."""

    def __init__(self, db: Database, hot: Hot) -> None:
        self._db = db
        self._hot = hot
        self._lines: dict[str, Gathering[_Part, Written]] = {}

    async def settled(self, plans: Sequence[Plan], routes: Routes) -> Written:
        """What became of these plans, carried out in one transaction and durable.

        Raises RoutesMoved and errors.Unavailable, having changed nothing.
        """
        line = self._lines.get(routes.environment_id)
        if line is None:
            line = Gathering(
                self._together, at_once=AT_ONCE, most=MOST_TOGETHER,
                size=lambda part: len(part.plans), alike=lambda one, another: one.routes is another.routes,
                for_all=(RoutesMoved,),
            )  # fmt: skip
            self._lines[routes.environment_id] = line
        try:
            return await line.written(_Part(plans, routes))
        finally:
            if line.is_idle and self._lines.get(routes.environment_id) is line:
                del self._lines[routes.environment_id]

    async def _together(self, parts: Sequence[_Part]) -> list[Written]:
        found = iter(await self._write([plan for part in parts for plan in part.plans], parts[0].routes))
        return [[next(found) for _ in part.plans] for part in parts]

    async def _write(self, plans: Sequence[Plan], routes: Routes) -> Written:
        given = [
            plan.step.given for plan in plans if isinstance(plan.step, Acceptance) and plan.step.given is not None
        ]
        if not given:
            return await self._db.read(lambda tx: self._run(tx, plans, routes))
        beside = rows_of_accept(addressee for each in given for addressee in each.addressees)
        return await self._db.write(lambda tx: self._run(tx, plans, routes), beside=beside)

    def _run(self, tx: Tx, plans: Sequence[Plan], routes: Routes) -> Written:
        if self._hot.environment_version(tx, routes.environment_id) != routes.version:
            raise RoutesMoved
        settled = [_decided(tx, plan) for plan in plans]
        given = [each.given for each in settled if isinstance(each, Acceptance) and each.given is not None]
        if given:
            self._hot.accept(tx, *given)
        return settled


def _decided(tx: Tx, plan: Plan) -> Acceptance | NotAccepted:
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
