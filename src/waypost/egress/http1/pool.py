"""Connections that wait for their next request: not for long, not too many, and never shared between two keys."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable

from waypost.egress.http1.connection import Connection

# Shorter than the 5 s after which Node, uvicorn and Apache drop an idle connection: a request written into a
# connection that is just being dropped fails, and cannot be told from one that was processed.
KEEP_ALIVE_SECONDS = 4.0
MOST_IDLE = 1024


class Pool:
    """Every connection of a client, and which of them wait. For one event loop.

    A key is all that must be the same for a connection to be used again: host, port, TLS, egress list.
    """

    def __init__(self, *, most_idle: int = MOST_IDLE, keep_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        self._most_idle = most_idle
        self._keep_seconds = keep_seconds
        self._open: set[Connection] = set()
        self._idle: OrderedDict[Connection, tuple[Hashable, float]] = OrderedDict()
        self._of: dict[Hashable, dict[Connection, None]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, key: Hashable) -> Connection | None:
        """The one that was used last under this key and can take a request."""
        now = asyncio.get_running_loop().time()
        while mine := self._of.get(key):
            connection = next(reversed(mine))
            _, since = self._forget(connection)
            if now - since < self._keep_seconds and connection.is_quiet():
                return connection
            connection.drop()
        return None

    def give(self, key: Hashable, connection: Connection) -> None:
        """Keep a connection for the next request; when there are too many, the one that waits longest goes."""
        if connection.closed:
            return
        loop = asyncio.get_running_loop()
        self._idle[connection] = (key, loop.time())
        self._of.setdefault(key, {})[connection] = None
        if len(self._idle) > self._most_idle:
            self._drop_oldest()
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keep_seconds / 4, self._sweep)

    def opened(self, connection: Connection) -> None:
        """Count a new connection until it is `ended`."""
        self._open.add(connection)

    def ended(self, connection: Connection) -> None:
        """It is closed."""
        self._open.discard(connection)
        if connection in self._idle:
            self._forget(connection)

    def close(self) -> None:
        """Drop all connections, those in use too. Safe to call twice."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in list(self._open):
            connection.drop()

    def _sweep(self) -> None:
        """Drop those that have waited long enough, and look again while there are any."""
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - next(iter(self._idle.values()))[1] >= self._keep_seconds:
            self._drop_oldest()
        self._sweeping = loop.call_later(self._keep_seconds / 4, self._sweep) if self._idle else None

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._idle))
        self._forget(oldest)
        oldest.drop()

    def _forget(self, connection: Connection) -> tuple[Hashable, float]:
        key, since = self._idle.pop(connection)
        mine = self._of[key]
        del mine[connection]
        if not mine:
            del self._of[key]
        return key, since
