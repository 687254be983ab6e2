"""How much room is left on the disk, and the floor under which nothing new is taken in.

The floor keeps room for what must go on: settling deliveries, retention, and changing what makes a queue hold.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from waypost.errors import Unavailable

LOOK_SECONDS = 1.0

Room = Callable[[], None]
"""Raises errors.Unavailable where nothing new can be taken in; `Disk.require` is one."""


class DiskLow(Unavailable):
    """Less than `WAYPOST_DISK_FLOOR_BYTES` is free."""

    code = "disk_low"
    retry_after_seconds = 30


def free_bytes(path: Path) -> int:
    """What this process may still write on the file system of a path, or of its nearest folder that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


class Disk:
    """The disk that a folder is on, looked at once a second at most; a floor of 0 is never reached."""

    def __init__(self, folder: Path, floor_bytes: int, *, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder = folder
        self.floor_bytes = floor_bytes
        self._free = free
        self._looked_at = float("-inf")
        self._found = 0

    def free(self) -> int:
        """Bytes that are free."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._found, self._looked_at = self._free(self._folder), now
        return self._found

    def is_low(self) -> bool:
        """Whether less than the floor is free."""
        return self.free() < self.floor_bytes

    def require(self) -> None:
        """Raise DiskLow where nothing new can be taken in."""
        if self.is_low():
            raise DiskLow("The disk is almost full: nothing new is taken in until there is room again.")
