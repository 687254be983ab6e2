"""Programs that run on Node: installed from a lock file beside their code when they are asked for, never ours."""

import json
import shutil
import subprocess
from pathlib import Path

SECONDS = 600


def install(folder: Path) -> str:
    """Have what `folder` locks installed in it. The empty string, or why it cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node and npm are not installed"
    stamp, lock = folder / "node_modules" / ".installed", folder / "package-lock.json"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return ""
    command = [
        "npm",
        "ci",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"npm did not end within {SECONDS} s"
    if ran.returncode:
        return f"npm could not install it: {ran.stderr.strip()[-300:]}"
    stamp.write_text(lock.read_text())
    return ""


def version(folder: Path, package: str) -> str:
    """The version that is locked."""
    found = json.loads((folder / "package-lock.json").read_text())
    return str(found["packages"][f"node_modules/{package}"]["version"])
