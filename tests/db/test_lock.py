"""One process at a time on a data folder, however the one before it ended."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from waypost.db.lock import FolderInUse, FolderLock

HOLD = """
import sys
from pathlib import Path
from waypost.db.lock import FolderLock
FolderLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the folder until its input ends."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with another_process(tmp_path), pytest.raises(FolderInUse, match="Another Waypost process is using"):
        FolderLock(tmp_path).acquire()


def test_a_second_lock_in_the_same_process_is_refused(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path).acquire(wait_seconds=0.1)
    first.release()


def test_a_lock_that_was_let_go_can_be_taken(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        lock = FolderLock(tmp_path)
        lock.acquire(wait_seconds=10)
        lock.release()


def test_waiting_takes_the_lock_as_soon_as_it_is_free(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        lock = FolderLock(tmp_path)
        lock.acquire(wait_seconds=10)
        lock.release()


def test_nobody_else_may_read_the_lock_file(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
    lock.release()
