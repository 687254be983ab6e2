"""Time as an argument: whoever needs the time is given a `Clock`.

Rows keep times as integer milliseconds since the epoch, UTC; the API says ISO 8601 with a `Z`.
"""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


def iso(ms: int) -> str:
    """The API's form of a time: `2023-01-10T19:46:40.081Z`."""
    return f"{moment(ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def moment(ms: int) -> datetime:
    """The same as an aware datetime, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def from_iso(text: str) -> int:
    """Milliseconds of an ISO 8601 date-time; without an offset it is taken as UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)
