"""What is killed: the nodes of one store, and on PostgreSQL the database itself. Only processes started here."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.nodes import nodes
from tests.support.waypost import Server

from crash.plan import ROLES, Kill, Restart, Store
from servers.postgresql import SAFE, Postgresql

HOW = {"immediate": signal.SIGQUIT, "fast": signal.SIGINT}


class NodeFailed(Exception):
    """A node ended though nobody killed it; the text has its last words."""


@dataclass
class Stage:
    """Running nodes, in the order of their roles."""

    roles: tuple[str, ...]
    servers: list[Server]
    database: Postgresql | None
    _excused: set[int] = field(default_factory=set)

    @property
    def ports(self) -> list[int]:
        """Where messages may be sent."""
        return [server.port for role, server in zip(self.roles, self.servers, strict=True) if role != "worker"]

    def kill(self, event: Kill) -> str:
        """Kill the node and start it again at once; which one it was."""
        server = self.servers[event.node]
        was = "" if server.is_ready else " while it started"
        server.kill()
        self._excused.discard(event.node)
        server.launch()
        return f"{self.roles[event.node]} {event.node}{was}"

    def stop_database(self, event: Restart) -> str:
        """Stop the database; in which way. A node that is starting just then may give up."""
        self._excused |= {number for number, server in enumerate(self.servers) if not server.is_ready}
        self._postgresql.stop(HOW[event.how])
        return f"database, {event.how}"

    def start_database(self) -> None:
        """Have it back."""
        self._postgresql.start()

    @property
    def _postgresql(self) -> Postgresql:
        if self.database is None:
            raise ValueError("This store has no server of its own.")
        return self.database

    def look(self) -> None:
        """Start again what gave up without its database. Raises NodeFailed for what ended otherwise."""
        for number, server in enumerate(self.servers):
            if server.is_running:
                continue
            if number not in self._excused:
                raise NodeFailed(f"{self.roles[number]} {number} ended by itself: {server.said()[-1500:]}")
            server.launch()


@contextmanager
def stage(store: Store, place: Path) -> Iterator[Stage]:
    """The nodes, started and ready."""
    roles = ROLES[store]
    with ExitStack() as stack:
        if store == "sqlite":
            server = stack.enter_context(Server(place, settings={"WAYPOST_RETRY_SCHEDULE": "0.2"}))
            yield Stage(roles, [server], None)
            return
        home = place / "postgresql"
        home.mkdir()
        database = Postgresql(home, *SAFE).start()
        stack.callback(database.stop, signal.SIGQUIT)
        node = nodes(database.url("postgres"), place, stack)
        yield Stage(roles, [node(role) for role in roles], database)
