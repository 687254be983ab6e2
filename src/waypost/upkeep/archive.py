"""The file that `backup` writes: an uncompressed tar of the store's parts, a manifest, and what proves them whole.

waypost.sqlite3 or tables/<name>   the store as it was at one moment; no key is in it
manifest.json                      `model.Manifest`
SHA256SUMS                         as `sha256sum -c` reads it
SHA256SUMS.hmac                    `<key id> <hex>`: the sums under a key that is drawn from that sealing key

The sums show damage to anybody; the last file shows a change by somebody who made new sums but has no key.
"""

import hashlib
import hmac
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from waypost.upkeep.model import Manifest, Table, UpkeepRefused
from waypost.vault.keyring import Keyring

FORMAT = 1
MANIFEST, SUMS, PROOF = "manifest.json", "SHA256SUMS", "SHA256SUMS.hmac"
MOST_MANIFEST_BYTES = 1_000_000
CHUNK = 1 << 20
_PURPOSE = b"waypost backup"


class Writer:
    """Writes an archive into a file that can be sought; a member's size need not be known before it ends."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sums: list[str] = []
        self._name, self._start, self._size = "", 0, 0
        self._digest = hashlib.sha256()

    def begin(self, name: str) -> None:
        """A new member; its header is written over once its size is known."""
        self._name, self._start, self._size = name, self._file.tell(), 0
        self._digest = hashlib.sha256()
        self._file.write(_header(name, 0))

    def write(self, data: bytes) -> None:
        """More of the member."""
        self._digest.update(data)
        self._size += len(data)
        self._file.write(data)

    def end(self) -> None:
        """The member is complete."""
        self._file.write(b"\0" * (-self._size % tarfile.BLOCKSIZE))
        self._file.seek(self._start)
        self._file.write(_header(self._name, self._size))
        self._file.seek(0, io.SEEK_END)
        self._sums.append(f"{self._digest.hexdigest()}  {self._name}\n")

    def add(self, name: str, source: IO[bytes]) -> None:
        """A member with all that the source gives."""
        self.begin(name)
        while chunk := source.read(CHUNK):
            self.write(chunk)
        self.end()

    def finish(self, manifest: Manifest, ring: Keyring) -> None:
        """Manifest, sums and proof; nothing can be added any more."""
        self.add(MANIFEST, io.BytesIO(json.dumps(asdict(manifest), indent=1).encode() + b"\n"))
        sums = "".join(self._sums).encode()
        self.add(SUMS, io.BytesIO(sums))
        self.add(PROOF, io.BytesIO(f"{ring.current} {_proof(ring.keys[ring.current], sums)}\n".encode()))
        self._file.write(b"\0" * 2 * tarfile.BLOCKSIZE)


class Archive:
    """A backup that was found whole."""

    def __init__(self, file: Path, tar: tarfile.TarFile, manifest: Manifest, sums: bytes, proof: str) -> None:
        self._file = file
        self._tar = tar
        self.manifest = manifest
        self._sums = sums
        self._proof = proof

    def open(self, name: str) -> IO[bytes]:
        """One member. Raises UpkeepRefused."""
        try:
            found = self._tar.extractfile(name)
        except KeyError:
            found = None
        if found is None:
            raise _not_whole(self._file)
        return found

    def prove(self, ring: Keyring) -> None:
        """Raise UpkeepRefused unless whoever wrote this had a key of the ring."""
        key_id, _, proof = self._proof.partition(" ")
        key = ring.keys.get(key_id, b"")
        if not hmac.compare_digest(_proof(key, self._sums), proof):
            raise UpkeepRefused(
                f"{self._file} was changed after it was made, or {key_id} in the key file is not what made it."
            )


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    """Read the whole file once, and give it if every sum is right. Raises UpkeepRefused, OSError."""
    with file.open("rb") as raw:
        try:
            with tarfile.open(fileobj=raw, mode="r:") as tar:
                found = _verified(file, tar)
                yield found
        except (tarfile.TarError, EOFError):
            raise _not_whole(file) from None


def _verified(file: Path, tar: tarfile.TarFile) -> Archive:
    names = tar.getnames()
    if len(set(names)) != len(names) or names[-3:] != [MANIFEST, SUMS, PROOF]:
        raise _not_whole(file)
    manifest = _manifest(file, _small(tar, MANIFEST))
    sums = _small(tar, SUMS)
    if sums != "".join(f"{_sum(tar, name)}  {name}\n" for name in names[:-2]).encode():
        raise UpkeepRefused(f"{file} is damaged: its contents do not match its checksums.")
    return Archive(file, tar, manifest, sums, _small(tar, PROOF).decode().strip())


def _manifest(file: Path, data: bytes) -> Manifest:
    try:
        found: dict[str, Any] = json.loads(data)
        if found["format"] != FORMAT:
            raise UpkeepRefused(
                f"The backup has format {found['format']}, which this version does not know. Use a newer one."
            )
        tables = [Table(str(each["name"]), int(each["rows"]), list(each["columns"])) for each in found["tables"]]
        return Manifest(**(found | {"tables": tables, "keys": [str(key) for key in found["keys"]]}))
    except (ValueError, TypeError, KeyError):
        raise _not_whole(file) from None


def _small(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    return b"" if member is None else member.read(MOST_MANIFEST_BYTES)


def _sum(tar: tarfile.TarFile, name: str) -> str:
    member = tar.extractfile(name)
    digest = hashlib.sha256()
    while member is not None and (chunk := member.read(CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)  # 512 bytes, whatever the size


def _proof(key: bytes, sums: bytes) -> str:
    return hmac.new(hmac.digest(key, _PURPOSE, "sha256"), sums, "sha256").hexdigest()


def _not_whole(file: Path) -> UpkeepRefused:
    return UpkeepRefused(f"{file} is not a whole Waypost backup.")
