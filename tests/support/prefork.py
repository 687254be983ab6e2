"""`waypost …` as a process of its own, without the second that its imports take: forked from one that has them.

    process = start(["serve", "--data", "here"], environment, stdout=out, stderr=err)
    process.pid, process.poll(), process.wait(10), process.send_signal(signal.SIGTERM)

Each test process keeps one such parent, which does nothing but import and fork: it has one thread and no loop.
What comes of a fork is a whole process: arguments, environment, files, signals and an end of its own. It ends with
the test process at the latest, however that ends. Where a parent is not told of its children's ends by files
(`pidfd`, Linux), the command is started from nothing.
"""

import atexit
import contextlib
import gc
import json
import os
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

ROOT = Path(__file__).parents[2]
IMPORTS = "PYTHONPATH"
MOST_BYTES = 150_000
"""Of a command with its environment; one packet."""


class Process(Protocol):
    """What `subprocess.Popen` and `Forked` have in common."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


class Forked:
    """A command that runs; its number and its status come over a socket."""

    def __init__(self, report: socket.socket) -> None:
        self._report = report
        self._status: int | None = None
        self._lock = threading.Lock()
        self.pid = self._told()

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("waypost", timeout or 0)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it, unless the process has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def _look(self, seconds: float | None) -> int | None:
        with self._lock:
            if self._status is None:
                told = select.poll()
                told.register(self._report, select.POLLIN)
                if told.poll(None if seconds is None else seconds * 1000):
                    self._status = self._told()
                    self._report.close()
            return self._status

    def _told(self) -> int:
        said = self._report.recv(64)
        if not said:
            raise ChildProcessError("the process that forks is gone")
        return int(said)


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: IO[Any],
    stderr: IO[Any],
    files: int | None = None,
) -> Process:
    """Start `waypost` with these arguments and this environment alone, in this folder and a session of its own.

    One that may have so many `files` open, or imports from elsewhere, begins anew after the fork: the limit has to
    stand before it does, and what was imported here is not what it would import.
    """
    if sys.platform == "linux":
        return _parent().fork(arguments, environment, stdout, stderr, files)
    limited = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$0" "$@"']
    return subprocess.Popen(
        [*limited, sys.executable, "-m", "waypost", *arguments],
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment, start_new_session=True,
    )  # fmt: skip


def requests() -> int:
    """The file descriptor that takes requests, for processes that inherit it and ask for themselves."""
    return _parent().requests


class _Parent:
    """The process that forks, as its user sees it. It ends when this process does."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.support.prefork", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )

    @property
    def requests(self) -> int:
        """See `requests`."""
        return self._requests.fileno()

    def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdout: IO[Any],
        stderr: IO[Any],
        files: int | None,
    ) -> Forked:
        data = json.dumps([os.getcwd(), list(arguments), dict(environment), files]).encode()
        assert len(data) < MOST_BYTES
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._requests, [data], [theirs.fileno(), stdout.fileno(), stderr.fileno()])
        return Forked(ours)

    def end(self) -> None:
        """Let it go, and wait for it."""
        self._requests.close()
        self._process.wait()


@cache
def _parent() -> _Parent:
    parent = _Parent()
    atexit.register(parent.end)
    return parent


def _commands(requests: socket.socket) -> tuple[bytes, list[int]] | None:
    """Fork for every request. Ends in each child, with its command and files; in the parent at the very end."""
    reports: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is not requests:
                    ready.unregister(key.fd)
                    os.close(key.fd)
                    _tell_the_end(key.data, reports.pop(key.data))
                    continue
                data, files, _, _ = socket.recv_fds(requests, MOST_BYTES, 3)
                if not data:  # nobody is left who could end them
                    for pid in reports:
                        os.kill(pid, signal.SIGKILL)
                    return None
                pid = os.fork()
                if pid == 0:
                    for each in (requests, *reports.values()):
                        each.close()
                    for one in ready.get_map().values():
                        if one.data is not None:
                            os.close(one.fd)
                    os.close(files[0])
                    return data, files[1:]
                reports[pid] = socket.socket(fileno=files[0])
                reports[pid].send(str(pid).encode())
                for file in files[1:]:
                    os.close(file)
                ready.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


def _tell_the_end(pid: int, report: socket.socket) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with report, contextlib.suppress(OSError):  # nobody may be left who listens
        report.send(str(status).encode())


def _main() -> None:
    """Import, fork, and in each child run the command line."""
    from waypost.cli import main  # here, so that whoever calls `start` imports nothing
    from waypost.cli.founding import setup
    from waypost.cli.serving import server

    assert server
    assert setup
    gc.freeze()
    command = _commands(socket.socket(fileno=int(sys.argv[1])))
    if command is None:
        return
    data, outputs = command
    os.setsid()
    for number, file in enumerate(outputs, start=1):
        os.dup2(file, number)
        os.close(file)
    folder, arguments, environment, *limit = json.loads(data)
    os.chdir(folder)
    files = next(iter(limit), None)
    if files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if files is not None or environment.get(IMPORTS) != os.environ.get(IMPORTS):
        os.execve(sys.executable, [sys.executable, "-m", "waypost", *arguments], environment)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["waypost", *arguments]
    main.main()


if __name__ == "__main__":
    _main()
