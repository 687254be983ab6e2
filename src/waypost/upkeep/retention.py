"""Retention: what ended long enough ago is removed, in the background and in small steps.

The term of a log counts from its end; what is pending stays, and keeps nothing else. Of its attempts, those older
than the term go too, but for the newest: a head that is tried for ever makes new ones for ever. Each commit is
bounded in rows and bytes, and after each the store has three times as long for others; less once passes take
longer than the time between them, or what ends would come faster than it goes. Killed half-way, the next pass goes
on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from waypost.access import operator
from waypost.audit import store as audit
from waypost.background import Loop
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as organizations
from waypost.metrics import Metrics
from waypost.upkeep import store

T = TypeVar("T")

DAY_MS = 24 * 3600 * 1000
MOST_SECONDS = 3600.0
"""The longest time between two passes; a short term is looked after 24 times in its length."""
FIRST_SECONDS = 60.0
AGAIN_SECONDS = 30.0
TELL_SECONDS = 30.0

LEAST_SHARE = 0.25
"""Of its own work, what even a pass that is behind leaves to others between two steps."""

CALLER = operator("serve")

log = structlog.get_logger("waypost.retention")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is done in a step, and how long the rest after it is, in lengths of the step."""

    logs_a_page: int = 500
    rows_a_commit: int = 500
    bytes_a_commit: int = 16_000_000
    rest_share: float = 3.0
    least_rest_seconds: float = 0.005


def hurried(share: float, took: float, every: float, pace: Pace) -> float:
    """The rest after each step of the next pass, in lengths of the step: half of it while passes are behind.

    `took` is how long the last pass was, `every` the time between two, both in seconds.
    """
    if took > every:
        return max(min(LEAST_SHARE, pace.rest_share), share / 2)
    return min(pace.rest_share, share * 2)


class Retention:
    """Removes what is over. `days` is the term of ended logs, None for ever; `audit_days` that of audit events.

    `mine` says whether this node is the one to do it; two at once would only do the work twice.
    `start` and `stop` are safe to call twice.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        metrics: Metrics,
        *,
        mine: Callable[[], bool],
        days: float | None,
        audit_days: float,
        pace: Pace = Pace(),
    ) -> None:
        self._db = db
        self._clock = clock
        self._metrics = metrics
        self._mine = mine
        self._days = days
        self._audit_days = audit_days
        self._pace = pace
        self._rest_share = pace.rest_share
        self._every = MOST_SECONDS if days is None else min(MOST_SECONDS, max(1.0, days * 3600))
        self._loop = Loop("retention", self._turn, rest_seconds=AGAIN_SECONDS, fault_seconds=self._every)
        self._removed: Counter[str] = Counter()
        self._told = 0.0

    async def start(self) -> None:
        """Begin the first pass soon, and go on for ever."""
        self._loop.start(after_seconds=min(FIRST_SECONDS, self._every))

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        await self._loop.stop()

    async def run(self) -> dict[str, int]:
        """One pass; rows removed, by table. Raises errors.Unavailable."""
        began = self._told = time.monotonic()
        self._removed = Counter()
        for table in store.EXPIRING:
            await self._until_none(table.name, partial(self._expired, table))
        if self._days is not None:
            before = self._clock.now_ms() - round(self._days * DAY_MS)
            for environment_id in await self._db.read(store.environments):
                await self._walk(environment_id, before)
            await self._until_none("replay", lambda tx: store.remove_replays(tx, before, self._pace.rows_a_commit))
        await self._audit()
        if self._removed:
            log.info("retention.passed", seconds=round(time.monotonic() - began, 1), **self._removed)
        return dict(self._removed)

    async def _turn(self) -> float:
        if self._mine():
            began = time.monotonic()
            await self.run()
            took = time.monotonic() - began
            self._rest_share = hurried(self._rest_share, took, self._every, self._pace)
        return self._every

    async def _walk(self, environment_id: str, before_ms: int) -> None:
        """Remove what is over of one environment, past whatever still waits."""
        after: store.Position = (0, "")
        while True:
            read = partial(store.page, environment_id=environment_id, after=after, before_ms=before_ms)
            rows = await self._step(self._db.read, partial(read, limit=self._pace.logs_a_page))
            for each in rows:
                if each.attempts and (each.ended_at is None or each.attempts > self._pace.rows_a_commit):
                    await self._trim(each.id, before_ms)
            over = [each for each in rows if each.ended_at is not None and each.ended_at <= before_ms]
            for ids in _portions(over, self._pace):
                remove = partial(store.remove, log_ids=ids, before_ms=before_ms)
                self._count(await self._step(self._db.write, remove))
            if len(rows) < self._pace.logs_a_page:
                return
            after = (rows[-1].accepted_at, rows[-1].id)

    async def _trim(self, log_id: str, before_ms: int) -> None:
        """Remove a log's old attempts ahead of it: there may be too many for one commit."""
        if await self._db.read(lambda tx: store.has_old_attempts(tx, log_id, before_ms)):
            await self._until_none(
                "attempt", lambda tx: store.trim(tx, log_id, before_ms, self._pace.rows_a_commit)
            )

    async def _audit(self) -> None:
        before = self._clock.now_ms() - round(self._audit_days * DAY_MS)
        for organization in await self._db.read(organizations.list_organizations):
            await self._until_none("audit_event", partial(self._forgotten, organization.id, before))

    def _forgotten(self, organization_id: int, before_ms: int, tx: Tx) -> int:
        return audit.forget(
            tx, CALLER, organization_id, before_ms, limit=self._pace.rows_a_commit, now_ms=self._clock.now_ms()
        )

    def _expired(self, table: sa.Table, tx: Tx) -> int:
        return store.remove_expired(tx, table, self._clock.now_ms(), self._pace.rows_a_commit)

    async def _until_none(self, table: str, remove: Callable[[Tx], int]) -> None:
        while removed := await self._step(self._db.write, remove):
            self._count({table: removed})
            if removed < self._pace.rows_a_commit:
                return

    async def _step(self, how: Callable[[Callable[[Tx], T]], Any], fn: Callable[[Tx], T]) -> T:
        """Do one step, then rest in proportion to its own work: waiting for others is rest enough for them."""
        spent = 0.0

        def timed(tx: Tx) -> T:
            nonlocal spent
            began = time.monotonic()
            try:
                return fn(tx)
            finally:
                spent += time.monotonic() - began

        result: T = await how(timed)
        await asyncio.sleep(max(self._pace.least_rest_seconds, self._rest_share * spent))
        return result

    def _count(self, removed: dict[str, int]) -> None:
        self._removed.update(removed)
        for table, rows in removed.items():
            self._metrics.purged(table, rows)
        if time.monotonic() - self._told > TELL_SECONDS:
            self._told = time.monotonic()
            log.info("retention.goes_on", **self._removed)


def _portions(rows: Sequence[sa.Row[Any]], pace: Pace) -> Iterator[list[str]]:
    """Log ids, so many at a time that one commit stays small; one log alone may be more than that."""
    ids: list[str] = []
    weight = size = 0
    for row in rows:
        own, own_size = 3 + min(row.attempts, pace.rows_a_commit), row.bytes or 0
        if ids and (weight + own > pace.rows_a_commit or size + own_size > pace.bytes_a_commit):
            yield ids
            ids, weight, size = [], 0, 0
        ids.append(row.id)
        weight, size = weight + own, size + own_size
    if ids:
        yield ids
