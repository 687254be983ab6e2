"""Setting a store up from a backup. Nothing is written before the whole file was read and found right.

The embedded store is made ready under another name and moved to its place last; the shared one is filled in one
transaction.
"""

import asyncio
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from waypost.clock import Clock
from waypost.db.database import Tx
from waypost.db.lock import FolderInUse, FolderLock
from waypost.db.migrations import migrate
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.db.sqlite import SqliteDatabase
from waypost.folder import STRANGERS, Folder, sync
from waypost.settings import Settings
from waypost.upkeep import archive, checking, postgresql, sqlite, trail
from waypost.upkeep.archive import Archive
from waypost.upkeep.model import Manifest, OnProgress, UpkeepRefused
from waypost.upkeep.service import ring_of
from waypost.vault import keyring
from waypost.vault.keyring import Keyring
from waypost.vault.vault import Vault

STAGE = ".restore"


def restore(file: Path, settings: Settings, key_file: Path | None, progress: OnProgress) -> dict[str, Any]:
    """Fill an empty or missing folder, or an empty database, as the settings say; where, when taken, which keys.

    Raises UpkeepRefused, errors.Unavailable, migrate.SchemaIsNewer, OSError. Runs an event loop of its own.
    """
    keys = key_file or settings.key_file
    if not keys.exists():
        raise UpkeepRefused(f"There is no key file at {keys}. Name the one that the backup needs: --key-file F")
    ring = ring_of(keys)
    with archive.opened(file) as found:
        manifest = found.manifest
        _must_hold(manifest.keys, ring, keys)
        if settings.master_key_file is not None:
            _must_hold(manifest.keys, ring_of(settings.master_key_file), settings.master_key_file)
        found.prove(ring)
        _must_fit(manifest, settings)
        if settings.database_url is None:
            where = _into_folder(found, settings, ring)
        else:
            where = _into_database(found, settings.database_url, ring, progress)
    return {"data": where, "takenAt": manifest.takenAt, "keys": manifest.keys}


def _into_database(found: Archive, url: str, ring: Keyring, progress: OnProgress) -> str:
    async def fill() -> None:
        db = PostgresqlDatabase(url)  # never used: a vault has a store to make new keys in
        try:
            settle = partial(_settle, Vault(db, ring, Clock()), found.manifest)
            await postgresql.put_back(url, found, settle, progress)
        finally:
            await db.close()

    asyncio.run(fill())
    return url.rpartition("@")[2]


def _into_folder(found: Archive, settings: Settings, ring: Keyring) -> str:
    data = settings.data
    others = sorted({entry.name for entry in data.iterdir()} - STRANGERS - {STAGE}) if data.exists() else []
    if others:
        raise UpkeepRefused(
            f"{data} is not empty (it holds {others[0]}); restore needs an empty folder, or a new name."
        )
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(data)
    try:
        lock.acquire()
    except FolderInUse as error:
        raise UpkeepRefused(str(error)) from None
    try:
        _staged(found, settings, ring)
    finally:
        lock.release()
    return str(data)


def _staged(found: Archive, settings: Settings, ring: Keyring) -> None:
    folder = Folder(settings.data)
    stage = Folder(folder.path / STAGE)
    shutil.rmtree(stage.path, ignore_errors=True)
    stage.path.mkdir(mode=0o700)
    try:
        sqlite.put_back(found, stage.database)
        migrate.upgrade(stage.database)
        asyncio.run(_settled(stage.database, ring, found.manifest))
        if settings.master_key_file is None:
            keyring.save(folder.sealing_key, ring)
        os.replace(stage.database, folder.database)
        sync(folder.path)
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)


async def _settled(file: Path, ring: Keyring, manifest: Manifest) -> None:
    db = SqliteDatabase(file)
    try:
        vault = Vault(db, ring, Clock())
        await db.write(lambda tx: _settle(vault, manifest, tx))
    finally:
        await db.close()


def _settle(vault: Vault, manifest: Manifest, tx: Tx) -> None:
    """See that the store is whole, and say in its audit trails where it is from. Raises UpkeepRefused."""
    faults = [*checking.damage(tx), *sorted(set(vault.lost(tx).values()))]
    if faults:
        raise UpkeepRefused("The backup cannot be used:\n" + "\n".join(faults))
    trail.record(tx, "restore", "backup-restored", {"takenAt": manifest.takenAt}, Clock().now_ms())


def _must_fit(manifest: Manifest, settings: Settings) -> None:
    """A backup goes back into the sort of store that it is of."""
    if manifest.store == "postgresql" and settings.database_url is None:
        raise UpkeepRefused("This is a backup of PostgreSQL: WAYPOST_DATABASE_URL must name an empty database.")
    if manifest.store == "sqlite" and settings.database_url is not None:
        raise UpkeepRefused("This is a backup of SQLite, for a data folder: unset WAYPOST_DATABASE_URL.")


def _must_hold(needed: list[str], ring: Keyring, path: Path) -> None:
    missing = [key for key in needed if key not in ring.keys]
    if missing:
        raise UpkeepRefused(f"The key file {path} does not hold what the backup needs: {', '.join(missing)}.")
