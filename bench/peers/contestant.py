"""What a contestant can be asked for, and how a peer does it: a producer that obeys, a worker that is killed."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import messages
from bench.figure import percentile
from bench.interleaving import Round, rate
from bench.processes import ROOT, BenchFailed, Child
from waypost.demo.server import environment

AFTERMATH_SECONDS = 0.05
"""What the receiver notes so soon after a kill was sent before it."""
RESTART_SECONDS = 1.0
"""How long a killed worker is away, as under a supervisor."""
POLL_SECONDS = 0.1
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds and counts are those of one round."""

    rounds: int = 5
    count: int = 3_000
    rate: int = 50
    pace_seconds: float = 4
    kill_count: int = 900
    kill_delay: float = 0.05
    patience_seconds: float = 20
    wait_seconds: float = 180


FULL = Size(rounds=5, count=10_000, rate=100, pace_seconds=15, kill_count=1_500, patience_seconds=90)


class Contestant(Protocol):
    """Somebody who carries messages to the sink."""

    name: str
    about: str

    def open(self, stack: ExitStack) -> None:
        """Start what lives as long as the stack. Raises BenchFailed."""
        ...

    def carried(self) -> Round:
        """How many messages a second are taken in, in bulk, and how many are delivered out of that backlog."""
        ...

    def paced(self) -> Round:
        """The time from before a message is sent until it is received, when nothing waits."""
        ...

    def killed(self) -> Round:
        """What becomes of a backlog when the worker is killed in mid-run and started again."""
        ...


class Worker(AbstractContextManager["Worker"]):
    """A worker and all its processes. `with` starts it and ends it in order."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> None:
        self._command, self._variables, self._log = command, variables, log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)

    def start(self) -> None:
        """Start it, in a group of its own."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**environment(), **self._variables},
            )  # fmt: skip

    def kill(self) -> float:
        """End all of it at once; the moment it was gone."""
        self._end(signal.SIGKILL)
        return time.monotonic()

    def said(self) -> str:
        """Its last words."""
        return self._log.read_text(errors="replace").strip()[-400:]

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for each in (how, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, each)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)


class Peer:
    """A producer that stays, and a worker that comes and goes."""

    def __init__(
        self, name: str, about: str, *, producer: Sequence[str], worker: Sequence[str], store: str, sink: Child,
        size: Size, folder: Path,
    ) -> None:  # fmt: skip
        self.name, self.about = name, about
        self._variables = {"PEER_STORE": store, "PEER_SINK": f"http://127.0.0.1:{sink.hello['port']}/redox"}
        self._sink, self._size = sink, size
        log = folder / "".join(letter if letter.isalnum() else "-" for letter in name)
        self._producer = Child(
            name, command=producer, log=log.with_suffix(".producer"),
            environment=self._variables,
        )  # fmt: skip
        self._worker = Worker(worker, self._variables, log.with_suffix(".worker"))
        self._body = messages.numbered("a" * 36, "b" * 36, 0).decode()

    def open(self, stack: ExitStack) -> None:
        """Start the producer."""
        stack.enter_context(self._producer)

    def carried(self) -> Round:
        """Enqueue, then drain."""
        taken = self._filled(self._size.count)
        self._sink.ask("reset")
        with self._worker:
            return {"accepted": taken, "delivered": drained(self._sink, self._size, self._worker)}

    def paced(self) -> Round:
        """One message first, so that the worker is there."""
        size = self._size
        self._filled(1)
        self._sink.ask("reset")
        with self._worker:
            wait(self._sink, 1, size, self._worker)
            self._sink.ask("reset", recording=True)
            sent = self._producer.ask("pace", body=self._body, rate=size.rate, seconds=size.pace_seconds)
            wait(self._sink, len(sent), size, self._worker)
            return latencies(sent, self._sink)

    def killed(self) -> Round:
        """Kill its whole group, and start it again a moment later."""
        size = self._size
        self._filled(size.kill_count)
        self._sink.ask("reset", recording=True, delay=size.kill_delay)
        with self._worker:
            wait(self._sink, size.kill_count // 3, size, self._worker)
            at = self._worker.kill()
            time.sleep(RESTART_SECONDS)
            self._worker.start()
            return aftermath(self._sink, at, size, self._left)

    def _left(self) -> int:
        return int(self._producer.ask("left"))

    def _filled(self, count: int) -> float:
        self._producer.ask("clear")
        return rate(self._producer.ask("enqueue", body=self._body, count=count))


def wait(sink: Child, count: int, size: Size, worker: Worker | None = None) -> dict[str, float]:
    """Wait until the sink has so many. Raises BenchFailed, with the worker's last words."""
    done: dict[str, float] = sink.ask("wait", count=count, seconds=size.wait_seconds)
    if done["received"] < count:
        said = "" if worker is None else worker.said()
        raise BenchFailed(f"{done['received']} of {count} messages were delivered. {said}")
    return done


def drained(sink: Child, size: Size, worker: Worker | None = None) -> float:
    """Messages a second from the first receipt to the last: how long a worker takes to start is not in it."""
    done = wait(sink, size.count, size, worker)
    return rate({"done": size.count - 1, "seconds": done["last"] - done["first"]})


def latencies(sent: Sequence[tuple[int, float]], sink: Child) -> Round:
    """Half of the messages, and 99 in 100, took at most so long; in ms."""
    received = dict(reversed(sink.ask("times")))  # the first time each came
    if missing := [number for number, _ in sent if number not in received]:
        raise BenchFailed(f"{len(missing)} messages did not come, others came twice.")
    taken = [(received[number] - moment) * 1000 for number, moment in sent]
    return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}


class _Left(Protocol):
    def __call__(self) -> int: ...


def aftermath(sink: Child, at: float, size: Size, left: _Left) -> Round:
    """Wait until all is delivered or patience is over; what moved when, and what did not. Raises BenchFailed."""
    end = at + RESTART_SECONDS + size.patience_seconds
    while True:
        times = sink.ask("times")
        seen = Counter(number for number, _ in times)
        if len(seen) == size.kill_count or time.monotonic() > end:
            break
        time.sleep(POLL_SECONDS)
    after = [moment for _, moment in times if moment > at + AFTERMATH_SECONDS]
    if not after:
        raise BenchFailed("Nothing moved any more after the kill.")
    missing = size.kill_count - len(seen)
    kept = min(missing, left()) if missing else 0
    return {
        "moves": after[0] - at,
        "last": after[-1] - at,
        "stranded": kept,
        "lost": missing - kept,
        "repeated": len(times) - len(seen),
    }
