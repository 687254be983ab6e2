"""`waypost serve` as an operator runs it, to be started, killed and started again."""

import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from typing import IO

from bench.processes import READY_SECONDS, STOP_SECONDS, BenchFailed
from bench.stores import ServerData
from servers.postgresql import free_port
from waypost.demo.server import environment


class Node(AbstractContextManager["Node"]):
    """A server on a store; `with` starts it, and stops it in order. `ready_seconds` is how long its start took."""

    def __init__(self, place: ServerData, *, role: str = "all") -> None:
        self._place = place
        self._log = place.folder.with_name("node.log")
        self._role = role
        self.ready_seconds = 0.0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Node":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises BenchFailed."""
        command = [sys.executable, "-m", "waypost", "serve", "--data", str(self._place.folder)]
        command += ["--port", str(free_port()), "--role", self._role]
        began, ready = time.monotonic(), threading.Event()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                env={**environment(), **self._place.environment},
            )  # fmt: skip
        self._listener = threading.Thread(target=_listen, args=(self._process.stdout, ready), daemon=True)
        self._listener.start()
        while not ready.wait(0.01):
            if self._process.poll() is not None or time.monotonic() - began > READY_SECONDS:
                said = self._log.read_text(errors="replace").strip()[-600:]
                self.kill()
                raise BenchFailed(f"`waypost serve` did not get ready. {said}")
        self.ready_seconds = time.monotonic() - began

    def kill(self) -> float:
        """End it as a power cut would; the moment it was gone."""
        process, self._process = self._process, None
        if process is None:
            return time.monotonic()
        process.kill()
        process.wait()
        at = time.monotonic()
        self._listener.join()
        if process.stdout is not None:
            process.stdout.close()
        return at


def _listen(stdout: IO[str] | None, ready: threading.Event) -> None:
    """Read the server's output to its end, so that it never waits for a reader."""
    for line in stdout or ():
        if line.startswith("Waypost is ready on "):
            ready.set()
