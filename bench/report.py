"""What was measured, as one Markdown table with the machine beside it: printed, and kept in `docs/performance`."""

import importlib.metadata
import math
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from waypost import __version__
from waypost.db import sqlite

LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "msgspec", "aiohttp", "cryptography")
SYNCS = 200
HEADINGS = ("figure", "unit", "median", "min", "max", "behind it (medians)")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: a value for each round. `behind` says the plain numbers that it comes from."""

    name: str
    unit: Literal["ratio", "ms", "MB"]
    rounds: tuple[float, ...]
    behind: str
    what: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were measured on."""

    lines: tuple[str, ...]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def short(value: float) -> str:
    """At least three digits that count, at most four behind the point, and no exponent."""
    digits = 2 if value == 0 else 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits, 0), 4)}f}"


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
            f" (`synchronous=FULL`), {versions}",
            f"measured on {time.strftime('%Y-%m-%d', time.gmtime())}",
        )
    )


def table(figures: Sequence[Figure]) -> str:
    """The table, in Markdown."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---|"]
    for figure in figures:
        values = (statistics.median(figure.rounds), min(figure.rounds), max(figure.rounds))
        numbers = " | ".join(short(value) for value in values)
        lines.append(f"| {figure.name} | {figure.unit} | {numbers} | {figure.behind} |")
    return "\n".join(lines)


def page(figures: Sequence[Figure], machine: Machine, seconds: float) -> str:
    """The whole document."""
    rounds = len(figures[0].rounds)
    about = "\n".join(f"- **{figure.name}**: {figure.what}" for figure in figures)
    beside = "\n".join(f"- {line}" for line in machine.lines)
    return f"""# Performance

`make bench` measures and writes this page; nothing here is written by hand.

A ratio compares two things that were measured in turns in the same run on the same machine, and travels to other
machines; times in ms are absolute, and hold for this machine and this moment only. Each figure is the median of
{rounds} rounds, with the least and the greatest. Everything runs on loopback, with server, clients and receiver in
processes of their own on the same cores. Messages have 2 KiB. The run took {seconds / 60:.1f} minutes.

{table(figures)}

## The figures

{about}

## The machine

{beside}
"""


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
