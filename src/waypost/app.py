"""Opens a node, and closes it in reverse: first the store, then all its parts, which `assembly/` builds."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog

from waypost.assembly.node import Waypost, build_node
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.db.migrations import migrate
from waypost.db.postgresql import hosts
from waypost.db.sqlite import SqliteDatabase
from waypost.egress.policy import Policy
from waypost.environments import store as environment_rows
from waypost.folder import Folder, FolderMissing
from waypost.settings import Settings
from waypost.vault import keyring

__all__ = ["Waypost", "calm_collector", "opened"]

log = structlog.get_logger("waypost.store")


def calm_collector() -> None:
    """Let the garbage collector look through everything more seldom, for a process that serves.

    Some 200,000 objects live as long as the process; looking through them stopped the event loop for 0.1 to
    0.3 s at a time, a fifth of a drain (`docs/performance`). A start makes next to no garbage, so that it is
    not looked for; `waypost serve` has the collector turned off until then.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock | None = None, new: bool = False) -> AsyncIterator[Waypost]:
    """Everything built on an existing store, at the newest schema, without delivering.

    A `new` one may have nothing set up in it.
    Raises folder.FolderMissing, vault.keyring.KeyFileInvalid, migrate.SchemaIsNewer, errors.Unavailable.
    """
    path = Folder(settings.data).database
    if settings.database_url is None and not path.exists():
        raise FolderMissing(f"There is no Waypost data in {settings.data}. Make it with: waypost init")
    keys = keyring.load(settings.key_file)
    async with AsyncExitStack() as stack:
        db = await (_shared(settings.database_url) if settings.database_url else _embedded(path))
        stack.push_async_callback(db.close)
        if settings.database_url and not new and not await db.read(environment_rows.list_organizations):
            raise FolderMissing("Nothing is set up in this store yet. Do it with: waypost init")
        waypost = build_node(settings, clock or Clock(), db, keys)
        ground, engine = waypost.ground, waypost.engine
        if settings.database_url:
            await _protect(ground.policy, settings.database_url)
        await ground.client.start()
        stack.push_async_callback(ground.client.close)
        stack.push_async_callback(engine.worker.stop)
        stack.push_async_callback(engine.skipping.stop)
        stack.push_async_callback(engine.replaying.stop)
        stack.push_async_callback(engine.retention.stop)
        stack.push_async_callback(engine.minutes.stop)
        stack.push_async_callback(engine.meter.stop)
        stack.push_async_callback(waypost.configuration.notifier.stop)
        stack.callback(waypost.people.passwords.close)
        yield waypost


async def _embedded(path: Path) -> Database:
    migrate.upgrade(path)
    return SqliteDatabase(path)


async def _shared(url: str) -> Database:
    from waypost.db.postgresql.database import (
        PostgresqlDatabase,  # with asyncpg a tenth of a start that does not need it
    )

    await migrate.upgrade_shared(url)
    db = PostgresqlDatabase(url)
    await db.look()
    return db


async def _protect(policy: Policy, url: str) -> None:
    """Let no delivery reach the database."""
    for host in hosts.split(url)[1]:  # none is a socket in the file system, which no URL reaches
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        except OSError:
            log.warning("store.unknown_host", host=host.name)
            continue
        for *_, address in found:
            policy.protect(str(address[0]).partition("%")[0], host.port)
