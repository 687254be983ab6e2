"""Commands for the days that pass in seconds: a clock that is moved, retention at a word, and the store's size."""

import sqlalchemy as sa

from waypost.app import Waypost
from waypost.clock import Clock
from waypost.db.database import Tx
from waypost.logs.store import log

HOUR_MS = 3_600_000


class MovedClock(Clock):
    """The machine's clock, ahead by what it was moved."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return super().now_ms() + self.ahead_ms


class Keeping:
    """The commands."""

    def __init__(self, waypost: Waypost, clock: MovedClock) -> None:
        self._waypost = waypost
        self._clock = clock

    async def move(self, *, hours: float) -> None:
        """Let so much time pass."""
        self._clock.ahead_ms += round(hours * HOUR_MS)

    async def retain(self) -> dict[str, int]:
        """One pass of retention; rows removed, by table."""
        return await self._waypost.engine.retention.run()

    async def stored(self) -> dict[str, int]:
        """What the store takes on disk, how many logs it has, and how many of them are not delivered."""
        return await self._waypost.ground.db.read(
            lambda tx: {
                "bytes": self._bytes(tx),
                "logs": _logs(tx),
                "pending": _logs(tx, log.c.state == "pending"),
            }
        )

    def _bytes(self, tx: Tx) -> int:
        """Pages that are free count too: they are on the disk. What is only in SQLite's log does not yet."""
        if self._waypost.ground.db.shared:
            return int(tx.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
        pages, each = (tx.exec_driver_sql(f"PRAGMA {name}").scalar() or 0 for name in ("page_count", "page_size"))
        return int(pages) * int(each)


def _logs(tx: Tx, *where: sa.ColumnElement[bool]) -> int:
    return tx.scalar(sa.select(sa.func.count()).select_from(log).where(*where)) or 0
