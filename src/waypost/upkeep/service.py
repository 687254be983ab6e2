"""What an operator does to a whole store that is in use: a new sealing key, a backup, a check."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

import structlog
from sqlalchemy.exc import DatabaseError

from waypost import __version__, folder
from waypost.clock import Clock, iso
from waypost.db.database import Database, Tx
from waypost.db.sqlite import SqliteDatabase
from waypost.errors import Unavailable
from waypost.settings import Settings
from waypost.upkeep import archive, checking, sqlite, trail
from waypost.upkeep.archive import Writer
from waypost.upkeep.model import Contents, Manifest, UpkeepRefused
from waypost.vault import keyring
from waypost.vault.keyring import KeyFileInvalid, Keyring
from waypost.vault.vault import Vault

log = structlog.get_logger("waypost.upkeep")


class Upkeep:
    """The store of this node, as the command line looks after it; each act is in the audit trail."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, settings: Settings) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._settings = settings

    async def rotate_keys(self) -> dict[str, Any]:
        """A new sealing key, under which every data key is wrapped; its id, the one before, how many were wrapped.

        The key is durable in the key file before anything is wrapped under it, and the old ones stay there: cut
        short at any step, everything still opens. Raises UpkeepRefused.
        """
        path = self._settings.key_file
        before = ring_of(path)
        # A key file that was exchanged under the running server must not cost the keys that are in use.
        known = Keyring(before.current, {**self._vault.keyring.keys, **before.keys})
        ring = known.with_new_current()
        await asyncio.to_thread(keyring.save, path, ring)
        self._vault.use(ring)

        def wrap(tx: Tx) -> int:
            wrapped = self._vault.rewrap(tx)
            details = {"before": before.current, "after": ring.current}
            trail.record(tx, "keys rotate", "sealing-key-rotated", details, self._clock.now_ms())
            return wrapped

        wrapped = await self._db.write(wrap)
        lost = await self._db.read(self._vault.lost)
        return {"key": ring.current, "previous": before.current, "dataKeys": wrapped, "lostDataKeys": len(lost)}

    async def backup(self, file: Path) -> dict[str, Any]:
        """Write the store as it is at one moment into a new file (0600), while it is used; the event comes first.

        The archive asks for the current sealing key even where nothing is sealed yet, so that it is never
        restored beside a strange key file. Raises UpkeepRefused, OSError, errors.Unavailable.
        """
        _must_be_new(file)
        now, ring = self._clock.now_ms(), self._vault.keyring
        await self._db.write(lambda tx: trail.record(tx, "backup", "backup-taken", {"file": str(file)}, now))

        async def write(part: IO[bytes], place: Path) -> Manifest:
            writer = Writer(part)
            found = await self._copied(writer, place)
            keys = sorted({ring.current, *found.keys})
            store = "postgresql" if self._settings.database_url else "sqlite"
            manifest = Manifest(archive.FORMAT, __version__, store, found.schema, iso(now), keys, found.tables)
            await asyncio.to_thread(writer.finish, manifest, ring)
            return manifest

        manifest = await _written(file, write)
        rows = sum(table.rows for table in manifest.tables)
        size = file.stat().st_size  # noqa: ASYNC240 - one look
        return {
            "file": str(file), "bytes": size, "takenAt": manifest.takenAt, "keys": manifest.keys, "rows": rows,
        }  # fmt: skip

    async def check(self) -> dict[str, Any]:
        """Everything verified: whether all holds, what does not, in words, and how much was looked at."""
        report = await checking.run(self._db, self._clock, self._settings.key_file)
        found = {"ok": report["ok"], "findings": len(report["findings"])}
        now = self._clock.now_ms()
        try:
            await self._db.write(lambda tx: trail.record(tx, "check", "store-checked", found, now))
        except (DatabaseError, Unavailable):  # a store so damaged must still be told about
            report["ok"] = False
            report["findings"].append({"area": "audit", "detail": "This check could not be written to the trail."})
        return report

    async def _copied(self, writer: Writer, place: Path) -> Contents:
        if self._settings.database_url is not None:
            from waypost.upkeep import postgresql  # with asyncpg a tenth of a start that does not need it

            return await postgresql.copy_out(self._settings.database_url, writer, _progress)
        assert isinstance(self._db, SqliteDatabase)  # noqa: S101 - what there is without a URL
        return await asyncio.to_thread(sqlite.copy_out, self._db.path, writer, place)


def ring_of(path: Path) -> Keyring:
    """The keys of a key file. Raises UpkeepRefused."""
    try:
        return keyring.load(path)
    except KeyFileInvalid as error:
        raise UpkeepRefused(str(error)) from None


def _progress(table: str, rows: int) -> None:
    log.info("backup.copied", table=table, rows=rows)


def _must_be_new(file: Path) -> None:
    if file.exists():
        raise UpkeepRefused(f"{file} exists already; a backup does not overwrite it.")


async def _written(file: Path, write: Callable[[IO[bytes], Path], Awaitable[Manifest]]) -> Manifest:
    """Have a new file written under another name beside it, durably, and give it its name."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as place:
        part = Path(place, "archive")
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as opened:
            manifest = await write(opened, Path(place))
            opened.flush()
            await asyncio.to_thread(os.fsync, opened.fileno())
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise UpkeepRefused(f"{file} exists already; a backup does not overwrite it.") from None
        os.replace(part, file)
    folder.sync(file.parent)
    return manifest
