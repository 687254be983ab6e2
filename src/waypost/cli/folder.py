"""What lies where in a data folder, for those who must not import the store to know it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waypost.cli.output import Failure


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """The embedded store."""
        return self.path / "waypost.sqlite3"

    @property
    def sealing_key(self) -> Path:
        """The key file, unless `WAYPOST_MASTER_KEY_FILE` names another."""
        return self.path / "sealing.key"

    @property
    def keys(self) -> Path:
        """Private keys that were made here, one file each."""
        return self.path / "keys"

    @property
    def server(self) -> Path:
        """Where the running server is."""
        return self.path / "server.json"

    @property
    def control(self) -> Path:
        """The running server's socket for commands, or a link to it where this path is too long for a socket."""
        return self.path / "control.sock"

    def must_exist(self) -> None:
        """Raise Failure where nothing was set up."""
        if not self.database.exists():
            raise Failure(
                f"There is no Waypost data folder at {self.path}. Make one: waypost init --data {self.path}"
            )

    def running(self) -> dict[str, str]:
        """`url` and `audience` of the server that runs here; empty when none has said so."""
        try:
            found = json.loads(self.server.read_bytes())
        except (OSError, ValueError):
            return {}
        return {name: str(found[name]) for name in ("url", "audience") if name in found}


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
