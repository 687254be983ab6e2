"""How much a process of this machine uses, from outside."""

import subprocess
from pathlib import Path


def memory_mb(pid: int) -> float:
    """Resident memory."""
    return float(_ps("rss=", pid)) / 1000


def descriptors(pid: int) -> int:
    """Open files and connections; 0 where the system does not tell (it is Linux that does)."""
    place = Path(f"/proc/{pid}/fd")
    return len(list(place.iterdir())) if place.exists() else 0


def _ps(what: str, pid: int) -> str:
    command = ["ps", "-o", what, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
