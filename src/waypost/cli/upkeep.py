"""What keeps a store sound: a new sealing key, a backup, a restored folder, a check.

`rotate_keys`, `backup` and `check` are done to an opened Waypost, in the server while one runs.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DatabaseError

from waypost.access import operator
from waypost.app import Waypost, key_file, opened
from waypost.audit import store as audit
from waypost.cli import archive, checking, session
from waypost.cli.folder import Folder
from waypost.cli.output import Failure
from waypost.clock import iso
from waypost.db.database import Tx
from waypost.db.lock import FolderInUse, FolderLock
from waypost.db.sqlite import SqliteDatabase
from waypost.environments import store as environments
from waypost.errors import Unavailable
from waypost.settings import Settings
from waypost.vault import keyring
from waypost.vault.keyring import KeyFileInvalid, Keyring

STAGE = ".restore"
LEFTOVERS = {"lock", "lost+found", "sealing.key", STAGE}
"""What an empty folder may hold: what file systems put there, a key put in its place, a restore cut short."""

Params = dict[str, Any]


async def rotate_keys(waypost: Waypost, _: Params) -> dict[str, Any]:
    """A new sealing key, under which every data key is wrapped → its id, the one before, how many were wrapped.

    The key is durable in the key file before anything is wrapped under it, and the old ones stay there: cut
    short at any step, everything still opens.
    """
    path = key_file(waypost.settings)
    before = _load(path)
    # A key file that was exchanged under the running server must not cost the keys that are in use.
    known = Keyring(before.current, {**waypost.vault.keyring.keys, **before.keys})
    ring = known.with_new_current()
    await asyncio.to_thread(keyring.save, path, ring)
    waypost.vault.use(ring)

    def wrap(tx: Tx) -> int:
        wrapped = waypost.vault.rewrap(tx)
        _record(
            tx, waypost, "keys rotate", "sealing-key-rotated", {"before": before.current, "after": ring.current}
        )
        return wrapped

    wrapped = await waypost.db.write(wrap)
    lost = await waypost.db.read(waypost.vault.lost)
    return {"key": ring.current, "previous": before.current, "dataKeys": wrapped, "lostDataKeys": len(lost)}


async def backup(waypost: Waypost, params: Params) -> dict[str, Any]:
    """`file` → the file, its size and the ids of the sealing keys that it needs; the event comes first."""
    file = Path(params["file"])
    if not isinstance(waypost.db, SqliteDatabase):
        raise Failure("This store is backed up with its own tools: pg_dump, or a base backup.")
    archive.must_be_new(file)
    details = {"after": {"file": str(file)}}
    await waypost.db.write(lambda tx: _record(tx, waypost, "backup", "backup-taken", details))
    taken_at = iso(waypost.clock.now_ms())
    current = waypost.vault.keyring.current
    made = await asyncio.to_thread(archive.write, waypost.db.path, file, taken_at, current)
    return {"file": str(file), "bytes": made.bytes, "takenAt": taken_at, "keys": made.manifest.keys}


async def check(waypost: Waypost, _: Params) -> dict[str, Any]:
    """Everything verified → whether all holds, what does not, in words, and how much was looked at."""
    report = await checking.run(waypost)
    details = {"after": {"ok": report["ok"], "findings": len(report["findings"])}}
    try:
        await waypost.db.write(lambda tx: _record(tx, waypost, "check", "store-checked", details))
    except (DatabaseError, Unavailable):  # a store so damaged must still be told about
        report["ok"] = False
        report["findings"].append({"area": "audit", "detail": "This check could not be written to the trail."})
    return report


def restore(file: Path, data: Path, given_keys: Path | None = None) -> dict[str, Any]:
    """Set up an empty or missing folder from a backup. Raises Failure, and what opening a folder raises.

    The store is made ready under another name and moved to its place last.
    """
    found = session.settings(data)
    if found.database_url is not None:
        raise Failure(
            "A backup is restored into a data folder: unset WAYPOST_DATABASE_URL. PostgreSQL has its own tools."
        )
    folder = Folder(data)
    others = sorted({entry.name for entry in data.iterdir()} - LEFTOVERS) if data.exists() else []
    if others:
        raise Failure(f"{data} is not empty (it holds {others[0]}); restore needs an empty folder, or a new name.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(data)
    try:
        lock.acquire()
    except FolderInUse as error:
        raise Failure(str(error)) from None
    try:
        return _restore(file, folder, found, given_keys)
    finally:
        lock.release()


def _restore(file: Path, folder: Folder, found: Settings, given_keys: Path | None) -> dict[str, Any]:
    keys = given_keys or found.master_key_file or folder.sealing_key
    if not keys.exists():
        raise Failure(f"There is no key file at {keys}. Name the one that the backup needs: --key-file F")
    ring = _load(keys)
    stage = Folder(folder.path / STAGE)
    shutil.rmtree(stage.path, ignore_errors=True)
    stage.path.mkdir(mode=0o700)
    try:
        manifest = archive.unpack(file, stage.database)
        _must_hold(manifest.keys, ring, keys)
        if found.master_key_file is not None:
            _must_hold(manifest.keys, _load(found.master_key_file), found.master_key_file)
        staged = found.model_copy(update={"data": stage.path, "master_key_file": keys})
        asyncio.run(_settle(staged, manifest))
        if found.master_key_file is None:
            keyring.save(folder.sealing_key, ring)
        os.replace(stage.database, folder.database)
        archive.sync_folder(folder.path)
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)
    return {"data": str(folder.path), "takenAt": manifest.takenAt, "keys": manifest.keys}


async def _settle(staged: Settings, manifest: archive.Manifest) -> None:
    """Bring the store to the newest schema, see that it is whole, and say in its audit trail where it is from."""
    async with opened(staged) as waypost:
        damage = await waypost.db.read(checking.damage)
        lost = await waypost.db.read(waypost.vault.lost)
        if damage or lost:
            raise Failure("The backup cannot be used:\n" + "\n".join([*damage, *sorted(set(lost.values()))]))
        details = {"after": {"takenAt": manifest.takenAt}}
        await waypost.db.write(lambda tx: _record(tx, waypost, "restore", "backup-restored", details))


def _must_hold(needed: list[str], ring: Keyring, path: Path) -> None:
    missing = [key for key in needed if key not in ring.keys]
    if missing:
        raise Failure(f"The key file {path} does not hold what the backup needs: {', '.join(missing)}.")


def _load(path: Path) -> Keyring:
    try:
        return keyring.load(path)
    except KeyFileInvalid as error:
        raise Failure(str(error)) from None


def _record(tx: Tx, waypost: Waypost, command: str, type_: str, details: Mapping[str, Any]) -> None:
    """An event in the trail of every organization: what is done to the store is done to each of them."""
    for organization in environments.list_organizations(tx):
        audit.record(
            tx, operator(command), type_,
            organization_id=organization.id, details=details, now_ms=waypost.clock.now_ms(),
        )  # fmt: skip
