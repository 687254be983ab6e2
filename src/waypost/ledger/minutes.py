"""What was accepted and delivered in each minute: the ledger's counters, written down once a minute.

Nothing is counted twice for it: a minute is the difference of two readings of what the queues count anyway. What
happened before the first reading is in no minute.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from waypost.background import Loop
from waypost.clock import Clock
from waypost.db.database import Database, Tx, metadata
from waypost.environments.store import environment
from waypost.ledger import store

MINUTE_MS = 60_000
REST_SECONDS = 10.0
KEPT = 7 * 24 * 60
MOST = 24 * 60

ledger_minute = sa.Table(
    "ledger_minute",
    metadata,
    sa.Column("environment_id", sa.String(36), primary_key=True),
    sa.Column("minute", sa.BigInteger, primary_key=True),  # since the epoch
    sa.Column("accepted", sa.BigInteger, nullable=False),  # the counters at its end, replays too
    sa.Column("delivered", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_c = ledger_minute.c


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute, by its beginning in ms: how many logs were accepted (replays too) and delivered in it."""

    begins_at: int
    accepted: int
    delivered: int


def write(tx: Tx, now_ms: int) -> None:
    """Write down how the counters of every environment stand at the end of the last minute."""
    minute = now_ms // MINUTE_MS - 1
    known = set(tx.scalars(sa.select(_c.environment_id).where(_c.minute == minute)))
    totals = store.totals(tx)
    rows = []
    for each in tx.scalars(sa.select(environment.c.id)):
        accepted, delivered = _reading(totals.get(each))
        if each not in known:
            rows.append({"environment_id": each, "minute": minute, "accepted": accepted, "delivered": delivered})
    if rows:
        tx.execute(ledger_minute.insert(), rows)
    tx.execute(ledger_minute.delete().where(_c.minute < minute - KEPT))


def last(
    tx: Tx, environment_id: str, count: int, now_ms: int, *, standing: tuple[int, int] | None = None
) -> list[Minute]:
    """The last so many minutes, oldest first, the one that is not over yet at the end.

    While no node ran nothing was written; what happened meanwhile stands in the first minute that was. `standing`
    is how many logs are accepted (replays too) and delivered now, from whoever has summed that up already.
    """
    now, first = now_ms // MINUTE_MS, now_ms // MINUTE_MS - count + 1
    mine = sa.select(_c.minute, _c.accepted, _c.delivered).where(_c.environment_id == environment_id)
    before = tx.execute(mine.where(_c.minute < first).order_by(_c.minute.desc()).limit(1)).all()
    rows = tx.execute(mine.where(_c.minute >= first, _c.minute < now).order_by(_c.minute)).all()
    readings = {row.minute: (row.accepted, row.delivered) for row in [*before, *rows]}
    readings[now] = standing or _reading(store.total(tx, environment_id))
    at = readings[min(readings)]
    found = []
    for minute in range(first, now + 1):
        then = readings.get(minute, at)
        found.append(Minute(minute * MINUTE_MS, max(0, then[0] - at[0]), max(0, then[1] - at[1])))
        at = then
    return found


def _reading(counts: store.Counts | None) -> tuple[int, int]:
    return (0, 0) if counts is None else (counts.accepted + counts.replayed, counts.delivered)


class Minutes:
    """Writes the minutes down. `mine` says whether this node is the one to do it.

    `start` and `stop` are safe to call twice.
    """

    def __init__(self, db: Database, clock: Clock, *, mine: Callable[[], bool]) -> None:
        self._db = db
        self._clock = clock
        self._mine = mine
        self._loop = Loop("minutes", self._turn, rest_seconds=REST_SECONDS)

    async def start(self) -> None:
        """Write now, and soon after the end of each minute from now on."""
        self._loop.start()

    async def stop(self) -> None:
        """Write nothing more."""
        await self._loop.stop()

    async def run(self) -> None:
        """Write the last minute down. Raises errors.Unavailable."""
        await self._db.write(lambda tx: write(tx, self._clock.now_ms()))

    async def _turn(self) -> float:
        if self._mine():
            await self.run()
        return (MINUTE_MS - self._clock.now_ms() % MINUTE_MS) / 1000
