"""What the peers need: their packages in places of their own, and Redis from the system."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import npm
from bench.processes import ROOT

FOLDER = Path(__file__).parent
PROGRAMS = FOLDER / "programs"
VENV = FOLDER / ".venv"
REQUIREMENTS = ROOT / "requirements" / "peers.txt"
SECONDS = 900


def python() -> str:
    """Have the Python peers installed. The empty string, or why they cannot be."""
    stamp, wanted = VENV / ".installed", REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return ""
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    why = _run(sys.executable, "-m", "venv", str(VENV)) or _run(*pip, "--require-hashes", "-r", str(REQUIREMENTS))
    if not why:
        stamp.write_text(wanted)
    return why


def node() -> str:
    """Have the Node peers installed. The empty string, or why they cannot be."""
    return npm.install(FOLDER)


def redis() -> str:
    """Have a Redis server, installed where root asks on Debian. The empty string, or why not."""
    if shutil.which("redis-server") is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run("apt-get", "update", "-qq", environment=environment)
        install = ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", "redis-server")
        if why := _run(*install, environment=environment):
            return why
    return (
        "" if shutil.which("redis-server") else "`redis-server` is not installed (on Debian: apt-get install it)"
    )


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {type(error).__name__}"
    return "" if ran.returncode == 0 else f"{Path(command[0]).name}: {ran.stderr.strip()[-300:]}"
