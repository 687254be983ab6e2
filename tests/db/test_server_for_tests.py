"""The PostgreSQL that tests run on ends with the run, whatever ends that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
USER = """
import sys
from tests.support import postgresql
server = postgresql.shared()
print(server.place, server.pid, flush=True)
sys.stdin.read()
"""


def user(run: str) -> "subprocess.Popen[str]":
    """A test process of that run, which ends when its input does."""
    environment = os.environ | {"PYTEST_XDIST_TESTRUNUID": run}
    return subprocess.Popen(
        [sys.executable, "-W", "always", "-c", USER], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def said(process: "subprocess.Popen[str]") -> tuple[Path, int]:
    assert process.stdout is not None
    place, _, pid = process.stdout.readline().rpartition(" ")
    return Path(place), int(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_shared_and_ends_with_its_last_user_killed_or_not() -> None:
    run = f"killed-{os.getpid()}"
    with user(run) as first, user(run) as second:
        place, pid = said(first)
        assert said(second) == (place, pid)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (second.communicate()[1], second.returncode) == ("", 0)  # it went quietly
    until(lambda: not alive(pid), "the server's end")
    until(lambda: not place.exists(), "its folder's end")
