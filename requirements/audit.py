"""Asks the OSV service of known vulnerabilities about every package of the lock files. `make check` runs it.

A vulnerability that was found fails. Where the service cannot be asked, that is said and nothing fails: whoever
works offline must be able to check the rest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SERVICE = "https://api.osv.dev/v1/query"
LOCKS = ("run.txt", "dev.txt", "peers.txt")
PROBE_SECONDS = 4
TIMEOUT_SECONDS = 10
UNREACHED = ("ConnectionError", "Timeout", "ProxyError", "SSLError", "ServiceError", "HTTPError")

PROBE = """
import sys, requests
asked = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "1.0"}
assert "vulns" in requests.post(sys.argv[1], json=asked, timeout=3).json()
"""
"""An old pip has known vulnerabilities: a service that knows of none is not the service."""


def main() -> int:
    """Audit each lock file; 1 when something was found, or could not be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", default=SERVICE, help="an OSV service")
    parser.add_argument("lock", nargs="*", type=Path, help="the lock files; by default all of them")
    given = parser.parse_args()
    if (why := _unreached(given.service)) is not None:
        print(f"Audit of dependencies skipped: {why}")
        return 0
    locks = given.lock or [Path(__file__).with_name(name) for name in LOCKS]
    return max(_audited(lock, given.service) for lock in locks)


def _unreached(service: str) -> str | None:
    """Why the service cannot be asked; its own process, because a name may be looked up for long."""
    command = [sys.executable, "-c", PROBE, service]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"the advisory service did not answer within {PROBE_SECONDS} s."
    if asked.returncode == 0:
        return None
    last = asked.stderr.decode().strip().splitlines()[-1].partition(":")[0]
    return f"the advisory service cannot be asked ({last})."


def _audited(lock: Path, service: str) -> int:
    with tempfile.TemporaryDirectory() as cache:
        command = [
            sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip",
            "--vulnerability-service", "osv", "--osv-url", service, "--timeout", str(TIMEOUT_SECONDS),
            "--format", "json", "--progress-spinner", "off", "--desc", "off", "--cache-dir", cache,
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if any(word in last for word in UNREACHED):
            print(f"Audit of {lock.name} skipped: the advisory service went away.")
            return 0
        print(f"{lock.name} could not be audited: {last}", file=sys.stderr)
        return 1
    return _told(lock, packages)


def _told(lock: Path, packages: list[dict[str, Any]]) -> int:
    found = [(each, one) for each in packages for one in each.get("vulns", [])]
    for package, one in found:
        fixed = ", ".join(one["fix_versions"]) or "no version yet"
        print(f"{lock.name}: {package['name']} {package['version']}: {one['id']}, fixed in {fixed}")
    left = [each["name"] for each in packages if "skip_reason" in each]
    for name in left:
        print(f"{lock.name}: {name} could not be audited.")
    audited = len(packages) - len(left)
    print(f"{lock.name}: {audited} packages audited, {len(found)} known vulnerabilities.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
