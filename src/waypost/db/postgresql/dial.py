"""Connections to the server that takes writes, wherever it is now.

After a fail-over nobody has to be told: the next connection goes to the server that was promoted.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg

from waypost.db.postgresql.hosts import Host


class Dial:
    """Opens connections for SQLAlchemy; `attributes` is libpq's `target_session_attrs`.

    Hosts are asked in turn, each for as long as a connection may take, beginning with the last that was right.
    """

    def __init__(self, hosts: Sequence[Host], attributes: str | None) -> None:
        self._hosts = list(hosts)
        self._attributes = attributes or ("read-write" if len(hosts) > 1 else "any")

    async def __call__(self, **given: Any) -> Any:
        """A connection to the first host that will do. Raises OSError or asyncpg.PostgresError, the last one's."""
        found: BaseException | None = None
        for host in list(self._hosts):
            where = {"host": host.name, "port": host.port, "target_session_attrs": self._attributes}
            try:
                connection = await asyncpg.connect(**{**given, **where})
            except asyncpg.TargetServerAttributeNotMatched:
                found = found or ConnectionError("No server of the URL takes writes now.")
            except (OSError, asyncpg.PostgresError) as error:
                found = error
            else:
                self._prefer(host)
                return connection
        if found is None:  # a socket in the file system: the URL's own words say where
            return await asyncpg.connect(**given)
        raise found

    def _prefer(self, host: Host) -> None:
        if self._hosts[0] != host:
            self._hosts.remove(host)
            self._hosts.insert(0, host)
