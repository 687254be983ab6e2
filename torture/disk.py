"""A full disk: messages are refused with 503 until there is room again, and nothing that was acknowledged is lost.

A small file system needs root on Linux; without it a limit on the size of files does, which has the same effect on
SQLite's log.
"""

import os
import random
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from crash.load import Load
from crash.stage import Stage
from torture import nodes
from torture.trial import Fault, Setting, Skipped

SECONDS = 4
MEGABYTES = {"sqlite": 1024, "postgresql": 2048}
"""Room for all that a heavy load leaves behind."""
LIMIT_BYTES = 16_384


def faults() -> list[Fault]:
    """On both stores, and for files of one process."""
    return [
        Fault("disk full", "sqlite", SECONDS, 1, _sqlite),
        Fault("the database's disk full", "postgresql", SECONDS, 1, _postgresql),
        Fault("files cannot grow", "sqlite", SECONDS, 1, _limited),
    ]


def _sqlite(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    disk = _Small(place / "disk", stack, MEGABYTES["sqlite"])
    stage = nodes.one(disk.place, stack, {"WAYPOST_DISK_FLOOR_BYTES": "0"})
    return Setting(stage, disk.fill, lambda _: disk.clear())


def _postgresql(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    disk = _Small(place / "disk", stack, MEGABYTES["postgresql"])
    database = nodes.database(disk.place, stack)
    stage = nodes.several(place, stack, [database.url("postgres")] * len(nodes.ROLES))

    def heal(_: Load) -> None:
        disk.clear()
        if not database.is_running:  # it gives up when it cannot write its log, and an operator starts it again
            database.start()

    return Setting(stage, disk.fill, heal)


def _limited(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    if not hasattr(resource, "prlimit"):
        raise Skipped("limits of a running process are Linux's")
    stage = nodes.one(place, stack)
    most = resource.prlimit(stage.servers[0].pid, resource.RLIMIT_FSIZE)

    def inject(_: Load) -> str:
        _limit(stage, (LIMIT_BYTES, most[1]))
        return f"at {LIMIT_BYTES} bytes a file"

    return Setting(stage, inject, lambda _: _limit(stage, most))


def _limit(stage: Stage, limits: tuple[int, int]) -> None:
    resource.prlimit(stage.servers[0].pid, resource.RLIMIT_FSIZE, limits)


class _Small:
    """A file system of its own, in memory, and a file that fills it. Raises Skipped where none can be had."""

    def __init__(self, place: Path, stack: ExitStack, megabytes: int) -> None:
        self.place = place
        self._ballast = place / "ballast"
        if sys.platform != "linux" or os.geteuid() != 0:
            raise Skipped("only root can mount a small file system")
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603 - our own words
            raise Skipped("a small file system cannot be mounted here")
        umount = ["umount", "-l", str(place)]
        stack.callback(subprocess.run, umount, check=False)

    def fill(self, _: Load) -> str:
        """Leave no byte."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 65_536):
                    pass
            except OSError:
                return "no byte left"
        raise AssertionError("the disk did not become full")

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)
