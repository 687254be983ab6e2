"""What lies where in a data folder: the one place that knows the names."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATABASE = "waypost.sqlite3"
SEALING_KEY = "sealing.key"
LOCK = "lock"
KEYS = "keys"
STRANGERS = frozenset({LOCK, "lost+found", SEALING_KEY})
"""What an empty folder may hold: what file systems put there, our lock, and a key put in its place."""


class FolderMissing(Exception):
    """There is no Waypost data in the folder."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """The embedded store."""
        return self.path / DATABASE

    @property
    def sealing_key(self) -> Path:
        """The key file, unless `WAYPOST_MASTER_KEY_FILE` names another."""
        return self.path / SEALING_KEY

    @property
    def lock(self) -> Path:
        """Locked by the one process that works on the folder."""
        return self.path / LOCK

    @property
    def keys(self) -> Path:
        """Private keys that were made here, one file each."""
        return self.path / KEYS

    @property
    def server(self) -> Path:
        """Where the running server is."""
        return self.path / "server.json"

    @property
    def control(self) -> Path:
        """The running server's socket for commands, or a link to it where this path is too long for a socket."""
        return self.path / "control.sock"

    def running(self) -> dict[str, str]:
        """`url` and `audience` of the server that runs here; empty when none has said so."""
        try:
            found = json.loads(self.server.read_bytes())
        except (OSError, ValueError):
            return {}
        return {name: str(found[name]) for name in ("url", "audience") if name in found}


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_private(path: Path, value: Any) -> None:
    """Write JSON that only the owner may read (0600), in one step."""
    part = path.with_name(path.name + ".new")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
