"""Connections on which nothing will come any more: a network that swallows everything, a server that lost power.

TCP would wait for minutes. Whatever takes long is asked after over a connection of its own: where no server can
be reached, or it knows nothing of that session, the connection is given up, and whoever waits on it goes on.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from waypost.background import Loop
from waypost.db.postgresql import errors

LOOKS = 5
"""How often to look in the time after which a connection is asked after."""
ANSWER_SECONDS = 5.0

# A session that has rested as long as we have waited has said what it had to say, or never heard the question.
_KNOWN = """
SELECT pid, pg_backend_pid() FROM pg_stat_activity
WHERE pid = ANY($1) AND NOT (state = 'idle' AND state_change < clock_timestamp() - make_interval(secs => $2))
    OR pid = pg_backend_pid()
"""

log = structlog.get_logger("waypost.store")

Connect = Callable[[], Awaitable[AsyncConnection]]
"""Opens a connection that nobody else uses."""


class Watch:
    """Looks after connections that have been in use for longer than `long_seconds`; from the first one on."""

    def __init__(self, connect: Connect, long_seconds: float) -> None:
        self._connect = connect
        self._long = long_seconds
        self._busy: dict[Any, float] = {}
        self._loop = Loop("watch", self._turn, rest_seconds=long_seconds / LOOKS)
        self._closed = False

    @asynccontextmanager
    async def over(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Look after it inside the block."""
        if not self._closed:
            self._loop.start(after_seconds=self._long / LOOKS)
        raw = await _raw(connection)
        self._busy[raw] = time.monotonic()
        try:
            yield
        finally:
            del self._busy[raw]

    async def close(self) -> None:
        """Look no more. Safe to call twice."""
        self._closed = True
        await self._loop.stop()

    async def _turn(self) -> float:
        before = time.monotonic() - self._long
        slow = {each: since for each, since in self._busy.items() if since <= before}
        if slow:
            await self._look(slow)
        return self._long / LOOKS

    async def _look(self, slow: dict[Any, float]) -> None:
        """Give up those that are gone, unless they have come back and are used for something else by now."""
        gone = await self._gone({each.get_server_pid(): each for each in slow if not each.is_closed()})
        still = [each for each in gone if self._busy.get(each) == slow[each]]
        if still:
            log.warning("store.gave_up_connections", count=len(still))
        for each in still:
            each.terminate()

    async def _gone(self, slow: dict[int, Any]) -> list[Any]:
        """Those of the connections whose other end is gone, for all that can be told."""
        connection = None
        try:
            connection = await self._connect()
            asking = await _raw(connection)
            known = await asking.fetch(_KNOWN, list(slow), self._long, timeout=ANSWER_SECONDS)
            if any(row[1] != asking.get_server_pid() for row in known):
                return []  # something between us and the server makes up numbers
            return [each for pid, each in slow.items() if pid not in {row[0] for row in known}]
        except Exception as error:
            state = errors.sqlstate(error)  # a server that says no is there
            return list(slow.values()) if state is None or state.startswith("08") else []
        finally:
            if connection is not None:
                with suppress(Exception):
                    await connection.invalidate()
                    await connection.close()


async def _raw(connection: AsyncConnection) -> Any:
    """The driver's own, typed Any: it has no types."""
    return (await connection.get_raw_connection()).driver_connection
