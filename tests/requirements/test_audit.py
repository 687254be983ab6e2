"""The audit of dependencies, against an advisory service of our own on loopback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.receiver import Receiver, Reply, Request, answer

ROOT = Path(__file__).parents[2] / "requirements"
HASH = "a" * 64
VULNERABLE = {
    "id": "TEST-2026-1",
    "affected": [
        {
            "package": {"name": "leaky", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}],
        }
    ],
}


def knows(request: Request) -> Reply:
    """A service that knows of pip and of `leaky`."""
    name = request.json["package"]["name"]
    return answer(200, {"vulns": [VULNERABLE]} if name in {"pip", "leaky"} else {})


def audit(service: str, lock: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "audit.py"), "--service", service, str(lock)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    made = tmp_path / "run.txt"
    made.write_text(f"sound==1.0 --hash=sha256:{HASH}\n")
    return made


def test_a_known_vulnerability_fails(lock: Path) -> None:
    lock.write_text(lock.read_text() + f"leaky==1.1 --hash=sha256:{HASH}\n")
    with Receiver() as receiver:
        receiver.behave(knows)
        ran = audit(receiver.url, lock)
    assert ran.returncode == 1, ran.stderr
    assert "leaky 1.1: TEST-2026-1, fixed in 1.2" in ran.stdout


def test_without_one_it_passes_and_says_how_much_was_asked(lock: Path) -> None:
    with Receiver() as receiver:
        receiver.behave(knows)
        ran = audit(receiver.url, lock)
    assert (ran.returncode, ran.stdout) == (0, "run.txt: 1 packages audited, 0 known vulnerabilities.\n"), (
        ran.stderr
    )


def test_whoever_is_offline_is_told_so_and_nothing_fails(lock: Path) -> None:
    ran = audit("http://127.0.0.1:9/", lock)
    assert (ran.returncode, ran.stdout.partition(":")[0]) == (0, "Audit of dependencies skipped")


@pytest.mark.parametrize("said", [{}, {"error": "who are you?"}, b"<html>Please sign in</html>"])
def test_what_is_not_the_service_is_not_taken_for_it(lock: Path, said: object) -> None:
    """A portal that answers everything would let everything pass."""
    with Receiver() as receiver:
        receiver.behave(answer(200, said))
        ran = audit(receiver.url, lock)
    assert (ran.returncode, "skipped" in ran.stdout) == (0, True)


def test_a_lock_file_that_cannot_be_read_fails(lock: Path) -> None:
    lock.write_text("sound==1.0\n")  # no hash
    with Receiver() as receiver:
        receiver.behave(knows)
        ran = audit(receiver.url, lock)
    assert (ran.returncode, "could not be audited" in ran.stderr) == (1, True)
