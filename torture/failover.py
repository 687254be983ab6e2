"""Fail-over: the primary is killed with all its processes, its synchronous standby promoted, and nodes find it.

The nodes' URL names both places. What was acknowledged had reached the standby's disk, so that nothing is lost.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from crash.load import Load
from servers.postgresql import SAFE, Postgresql, awaited, free_port, program, statement
from torture import nodes
from torture.trial import Fault, Setting

STANDBY_SECONDS = 60
DATABASE = "postgres"


def faults() -> list[Fault]:
    """One."""
    return [Fault("fail-over to a synchronous standby", "postgresql", 0, 1, _make)]


def _make(place: Path, stack: ExitStack, draw: random.Random) -> Setting:
    pair = _Pair(place, stack)
    places = ",".join(f"127.0.0.1:{port}" for port in pair.ports)
    stage = nodes.several(place, stack, [f"postgresql://postgres@{places}/{DATABASE}"] * len(nodes.ROLES))
    return Setting(stage, pair.inject, lambda _: None, again=pair.again, notes=pair.notes)


class _Pair:
    """Two places for a server: the primary in one, its synchronous standby in the other."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self._place = place
        self.ports = (free_port(), free_port())
        self._number = 0
        self._promoted: list[float] = []
        self._primary = Postgresql(place / "server-0", *SAFE)
        self._primary.port = self.ports[0]
        self._primary.start()
        self._standby = self._stand_by(self.ports[1])
        stack.callback(self._stop)

    def inject(self, load: Load) -> str:
        """Kill the one, promote the other."""
        _kill(self._primary)
        began = time.monotonic()
        awaited(statement(self._standby.url(DATABASE), "SELECT pg_promote(true, 30)"))
        self._promoted.append(time.monotonic() - began)
        self._primary, self._standby = self._standby, self._primary
        return "the primary"

    def again(self, load: Load) -> None:
        """A new standby in the place of the dead one, under load."""
        shutil.rmtree(self._standby.place, ignore_errors=True)
        self._standby = self._stand_by(self._standby.port)

    def notes(self) -> list[str]:
        return [f"promoting took {max(self._promoted, default=0):.1f} s at most"]

    def _stand_by(self, port: int) -> Postgresql:
        """A standby of the primary, which from now on waits for it with each commit."""
        self._number += 1
        own = self._place / f"server-{self._number}"
        own.mkdir()
        copy = ["-D", str(own / "data"), "-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "postgres"]
        ran = subprocess.run(  # noqa: S603 - our own words
            program("pg_basebackup", *copy, "-R", "-X", "stream", "-c", "fast"),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise AssertionError(f"pg_basebackup: {ran.stderr[-600:]}")
        with (own / "data" / "postgresql.auto.conf").open("a") as conf:
            conf.write("synchronous_standby_names = ''\n")  # once promoted it has none, until one is made
        made = Postgresql(own, *SAFE, port=port).start()
        url = self._primary.url(DATABASE)
        awaited(statement(url, "ALTER SYSTEM SET synchronous_standby_names = '*'"))
        awaited(statement(url, "SELECT pg_reload_conf()"))
        wait = "DO $$BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync') LOOP"
        awaited(
            statement(url, f"{wait} PERFORM pg_sleep(0.05); PERFORM pg_stat_clear_snapshot(); END LOOP; END$$")
        )
        return made

    def _stop(self) -> None:
        for server in (self._standby, self._primary):
            server.stop(signal.SIGQUIT)


def _kill(server: Postgresql) -> None:
    """SIGKILL for the postmaster and all that it has started, as when the machine dies."""
    postmaster = server.pid
    found = subprocess.run(  # noqa: S603
        ["ps", "-o", "pid=", "--ppid", str(postmaster)],  # noqa: S607 - wherever it is
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for pid in [postmaster, *map(int, found.stdout.split())]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    end = time.monotonic() + STANDBY_SECONDS
    while server.is_running:
        if time.monotonic() > end:
            raise AssertionError("a server that was killed still runs")
        time.sleep(0.01)
