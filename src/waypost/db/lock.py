"""One process at a time on a data folder."""

import fcntl
import os
import time
from pathlib import Path

from waypost.folder import Folder


class FolderInUse(Exception):
    """Another Waypost process works on this data folder."""


class FolderLock:
    """An advisory lock on `<folder>/lock`; the operating system lets it go however the process ends."""

    def __init__(self, folder: Path) -> None:
        self._path = Folder(folder).lock
        self._fd: int | None = None

    def acquire(self, *, wait_seconds: float = 0) -> None:
        """Take the lock, waiting so long for it. Raises FolderInUse."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    os.close(fd)
                    raise FolderInUse(f"Another Waypost process is using {self._path.parent}.") from None
                time.sleep(0.05)
            else:
                self._fd = fd
                return

    def release(self) -> None:
        """Let the lock go. Safe to call twice."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
