"""What Waypost is made of, as `make sbom` writes it."""

import json
import re
import subprocess
import sys
from pathlib import Path

from waypost import __version__

ROOT = Path(__file__).parents[2]


def made(place: Path, *more: str) -> bytes:
    command = [sys.executable, str(ROOT / "requirements/sbom.py"), str(place), *more]
    subprocess.run(command, check=True, capture_output=True)
    return place.read_bytes()


def test_it_has_every_locked_package_and_is_the_same_each_time(tmp_path: Path) -> None:
    written = made(tmp_path / "one.json")
    found = json.loads(written)
    lock = (ROOT / "requirements/run.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    assert {(each["name"], each["version"]) for each in found["components"]} == locked
    assert all(each["externalReferences"][0]["hashes"] for each in found["components"])
    assert (found["bomFormat"], found["metadata"]["component"]["version"]) == ("CycloneDX", __version__)
    assert made(tmp_path / "two.json", "--no-validate") == written  # once is enough, and takes most of the time
