"""Nodes for trials: alone on SQLite, or several on one PostgreSQL, each told apart by its `application-name`."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.waypost import Server

from crash.stage import Stage
from servers.postgresql import SAFE, Postgresql

RETRY = {"WAYPOST_RETRY_SCHEDULE": "0.2"}
ROLES = ("api", "api", "worker", "worker")


def name_of(number: int) -> str:
    """What a node calls itself when it delivers."""
    return f"node-{number}"


def one(place: Path, stack: ExitStack, settings: Mapping[str, str] | None = None) -> Stage:
    """One node on SQLite."""
    server = stack.enter_context(Server(place, settings={**RETRY, **(settings or {})}))
    return Stage(("all",), [server], None)


def database(place: Path, stack: ExitStack) -> Postgresql:
    """A PostgreSQL that loses nothing, started."""
    made = Postgresql(place / "postgresql", *SAFE).start()
    stack.callback(made.stop)
    return made


def several(
    place: Path, stack: ExitStack, urls: Sequence[str], settings: Mapping[int, Mapping[str, str]] | None = None
) -> Stage:
    """A node for each URL of the one store, in the order of `ROLES`; `settings` are those of single nodes."""
    servers: list[Server] = []
    for number, (role, url) in enumerate(zip(ROLES, urls, strict=True)):
        own = place / f"node-{number}"
        own.mkdir()
        given = {
            "WAYPOST_DATABASE_URL": url,
            "WAYPOST_MASTER_KEY_FILE": str(place / "sealing.key"),
            "WAYPOST_APPLICATION_NAME": name_of(number),
            **RETRY,
            **(settings or {}).get(number, {}),
        }
        like = servers[0] if servers else None
        server = Server(own, "--role", role, settings=given, like=like)
        servers.append(server)
        stack.enter_context(server)
    return Stage(ROLES, servers, None)
