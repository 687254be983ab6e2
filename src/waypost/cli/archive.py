"""The file that `backup` writes: an uncompressed tar with a manifest, the SQLite file, and their SHA-256 sums.

manifest.json      {"format": 1, "waypost": …, "schema": …, "takenAt": …, "keys": [ids that it needs]}
waypost.sqlite3    a copy made by SQLite itself while the store was in use; no key is in it
SHA256SUMS         as `sha256sum -c` reads it
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from waypost import __version__
from waypost.cli.output import Failure
from waypost.db import sqlite

FORMAT = 1
MANIFEST, DATABASE, SUMS = "manifest.json", "waypost.sqlite3", "SHA256SUMS"
MOST_MANIFEST_BYTES = 1_000_000
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. The field names are the file's own."""

    format: int
    waypost: str
    schema: str
    takenAt: str
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that was made."""

    manifest: Manifest
    bytes: int


def must_be_new(file: Path) -> None:
    """Raise Failure where the file exists: a backup overwrites nothing."""
    if file.exists():
        raise Failure(f"{file} exists already; a backup does not overwrite it.")


def write(source: Path, file: Path, taken_at: str, current_key: str) -> Written:
    """Copy the SQLite file, as it is at one moment, into a new archive (0600). Raises Failure where one exists.

    The archive asks for the current sealing key even where nothing is sealed yet, so that it is never restored
    beside a strange key file.
    """
    must_be_new(file)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        snapshot, archive = Path(folder, DATABASE), Path(folder, "archive")
        manifest = _snapshot(source, snapshot, taken_at, current_key)
        _pack(archive, manifest, snapshot)
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise Failure(f"{file} exists already; a backup does not overwrite it.") from None
        os.replace(archive, file)
    sync_folder(file.parent)
    return Written(manifest, file.stat().st_size)


def unpack(file: Path, database: Path) -> Manifest:
    """Write the archive's SQLite file to a new place (0600). Raises Failure for what is not ours, or not whole."""
    try:
        with tarfile.open(file, "r:") as archive:
            manifest_bytes = _member(archive, MANIFEST).read(MOST_MANIFEST_BYTES)
            manifest = _manifest(manifest_bytes)
            with os.fdopen(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                sum_ = _copy(_member(archive, DATABASE), copy)
            sums = _member(archive, SUMS).read(MOST_MANIFEST_BYTES)
    except (tarfile.TarError, ValueError, TypeError, KeyError, EOFError):
        raise Failure(f"{file} is not a whole Waypost backup.") from None
    if sums != _sums(hashlib.sha256(manifest_bytes).hexdigest(), sum_):
        raise Failure(f"{file} is damaged: its contents do not match its checksums.")
    return manifest


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _snapshot(source: Path, target: Path, taken_at: str, current_key: str) -> Manifest:
    """A compact copy without the remains of deleted rows; the store's writer is neither held up nor used."""
    target.touch(0o600)
    with closing(sqlite.library().connect(f"file:{source.absolute()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite.library().connect(f"file:{target.absolute()}?mode=ro", uri=True)) as copy:
        keys = {current_key, *(row[0] for row in copy.execute("SELECT DISTINCT kek_id FROM data_key"))}
        schema = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return Manifest(FORMAT, __version__, schema, taken_at, sorted(keys))


def _pack(archive: Path, manifest: Manifest, snapshot: Path) -> None:
    described = json.dumps(asdict(manifest), indent=1).encode() + b"\n"
    fd = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file, snapshot.open("rb") as database:
        sums = _sums(hashlib.sha256(described).hexdigest(), hashlib.file_digest(database, "sha256").hexdigest())
        database.seek(0)
        with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as packed:
            packed.addfile(_named(MANIFEST, len(described)), io.BytesIO(described))
            packed.addfile(_named(DATABASE, snapshot.stat().st_size), database)
            packed.addfile(_named(SUMS, len(sums)), io.BytesIO(sums))
        file.flush()
        os.fsync(file.fileno())


def _named(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """The next member, which must have that name. Raises ValueError."""
    found = archive.next()
    file = archive.extractfile(found) if found is not None and found.name == name else None
    if file is None:
        raise ValueError(name)
    return file


def _manifest(data: bytes) -> Manifest:
    found: dict[str, Any] = json.loads(data)
    if found["format"] != FORMAT:
        raise Failure(
            f"The backup has format {found['format']}, which this version does not know. Use a newer one."
        )
    return Manifest(
        FORMAT, found["waypost"], found["schema"], found["takenAt"], [str(key) for key in found["keys"]]
    )


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy all, durably; its SHA-256, hex."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _sums(manifest: str, database: str) -> bytes:
    return f"{manifest}  {MANIFEST}\n{database}  {DATABASE}\n".encode()
