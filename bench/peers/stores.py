"""Where the peers keep their messages: Redis with its append-only file, and PostgreSQL as Waypost has it."""

import shutil
import socket
import subprocess
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from bench.processes import BenchFailed
from servers.postgresql import free_port

READY_SECONDS = 20


class Redis(AbstractContextManager["Redis"]):
    """A server of its own; `fsync` is what its append-only file does, everysec or always."""

    def __init__(self, folder: Path, fsync: str) -> None:
        self._folder = folder
        self._fsync = fsync
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Redis":
        self._folder.mkdir()
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--appendonly", "yes", "--appendfsync", self._fsync, "--save", ""]
        command += ["--maxmemory-policy", "noeviction", "--logfile", str(self._folder / "log")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        end = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise BenchFailed("Redis did not start.")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


def redis_version() -> str:
    """The version of the server that is installed; empty where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        return ""
    ran = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    words = dict(word.split("=", 1) for word in ran.stdout.split() if "=" in word)
    return words.get("v", "")
