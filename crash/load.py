"""Load on a stage: senders, a receiver, and what they were told and took; for campaigns and trials alike.

It goes on while things are killed or cut, and says when every queue accepts and delivers again.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Child
from crash.stage import Stage
from crash.verdict import QueueTally, lane
from waypost.cli.keypairs import keyfiles
from waypost.folder import Folder

SENDERS = 2
MOVED = 2
"""So many deliveries show that a queue moves: one could have been on its way."""
PEACE_SECONDS = 60
DRAIN_SECONDS = 120
EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Form:
    """How heavy a load is.

    `ahead`: so many messages of a queue may wait, a backlog, but not one that takes minutes to drain. `batch`: so
    many go in one request at the most; with 1, each goes over a connection of its own. `slowest_seconds` is the
    receiver's, `calm_seconds` how long there is load without a fault before each.
    """

    lanes: int
    ahead: int = 50
    batch: int = 1
    slowest_seconds: float = 0.02
    calm_seconds: float = 0.0


HEAVY = Form(lanes=24, ahead=200, batch=50, slowest_seconds=0.004, calm_seconds=3.0)
"""As much as one machine gives that bears the nodes, their store, the senders and the receiver."""


class Traffic:
    """What the senders were told and the receiver took, lane by lane, and when the newest of each came."""

    def __init__(self, receiver: Child, senders: list[Child], form: Form) -> None:
        self.form = form
        self.acknowledged: list[list[int]] = [[] for _ in range(form.lanes)]
        self.taken: list[list[int]] = [[] for _ in range(form.lanes)]
        self.refused: list[str] = []
        self._receiver, self._senders = receiver, senders
        self._read = [0] * (len(senders) + 1)
        self._missing: list[set[int]] = [set() for _ in range(form.lanes)]
        self._early: list[set[int]] = [set() for _ in range(form.lanes)]
        self.newest = [-1] * form.lanes
        """The highest number that each lane has delivered."""
        self.asked = [0.0] * form.lanes
        """When the newest request that was answered with 200 began, for each lane."""
        self.extra = 0
        """So many more may wait just now."""

    def look(self, *, more: bool = True) -> None:
        """Hear what is new, and with `more` let the senders go on behind what was delivered."""
        self.refused = []
        for number, sender in enumerate(self._senders):
            found = sender.ask("since", start=self._read[number])
            self._read[number] += len(found["answered"])
            self._note_answers(found["answered"])
            self.refused += found["refused"]
        found = self._receiver.ask("since", start=self._read[-1])
        self._read[-1] += len(found)
        self._note_taken(found)
        if more:
            batch, ahead = self.form.batch, self.form.ahead + self.extra
            upto = {
                str(number): (newest + 1 + ahead) // batch * batch for number, newest in enumerate(self.newest)
            }
            for sender in self._senders:
                sender.ask("allow", upto=upto)

    def end(self) -> None:
        """No new messages; those that were begun are answered."""
        for sender in self._senders:
            sender.ask("end")

    def counts(self) -> tuple[list[int], list[int]]:
        """How many each lane has acknowledged, and delivered."""
        return [len(each) for each in self.acknowledged], [newest + 1 for newest in self.newest]

    def lately(self) -> dict[str, float]:
        """When each node, by its `application-name`, last delivered something."""
        found: dict[str, float] = self._receiver.ask("lately")
        return found

    def misbehave(self, lane_number: int, how: str) -> None:
        """Have the receiver do that to all that comes for a lane; nothing makes it well again."""
        self._receiver.ask("misbehave", lane=lane_number, how=how)

    @property
    def waiting(self) -> int:
        """How many were acknowledged and have not come."""
        return sum(map(len, self._missing))

    def lanes(self) -> tuple[QueueTally, ...]:
        """Everything counted."""
        return tuple(lane(a, t) for a, t in zip(self.acknowledged, self.taken, strict=True))

    def _note_answers(self, found: list[tuple[int, int, float]]) -> None:
        for lane_number, number, asked_at in found:
            self.acknowledged[lane_number].append(number)
            self.asked[lane_number] = max(self.asked[lane_number], asked_at)
            if number in self._early[lane_number]:
                self._early[lane_number].remove(number)
            else:
                self._missing[lane_number].add(number)

    def _note_taken(self, found: list[tuple[int, int, float]]) -> None:
        for lane_number, number, _ in found:
            self.taken[lane_number].append(number)
            self.newest[lane_number] = max(self.newest[lane_number], number)
            if number in self._missing[lane_number]:
                self._missing[lane_number].remove(number)
            else:  # not heard of yet; or a repeat, which is never asked for again
                self._early[lane_number].add(number)


class Load:
    """A stage under load. Make it with `load`."""

    def __init__(self, stage: Stage, traffic: Traffic) -> None:
        self.stage = stage
        self.traffic = traffic

    def wait(self, seconds: float, *, more: bool = True) -> None:
        """Let time pass under load. Raises NodeFailed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            threading.Event().wait(min(left, EVERY_SECONDS))
            self.stage.look()
            self.traffic.look(more=more)

    def calm(self) -> float:
        """Load without a fault, as long as its form has it; after how many seconds every queue had moved.

        Where the load is as much as the machine can do that is a while: each waits for its turn, fault or not.
        """
        began = time.monotonic()
        _, moving = self.peace()
        self.wait(began + self.traffic.form.calm_seconds - time.monotonic())
        return moving

    def peace(self) -> tuple[float, float]:
        """Wait until every lane accepts and delivers; after how many seconds. Raises TimeoutError, NodeFailed.

        It accepts when a request is answered that began after this did. Each lane may send a batch more for it:
        one with a full backlog is not to wait for its deliveries.
        """
        self.traffic.extra = self.traffic.form.batch
        try:
            return self._peace()
        finally:
            self.traffic.extra = 0

    def _peace(self) -> tuple[float, float]:
        began = time.monotonic()
        self.traffic.look()
        before, accepting = self.traffic.counts()[1], None
        while True:
            delivered = all(new >= old + MOVED for new, old in zip(self.traffic.counts()[1], before, strict=True))
            took = time.monotonic() - began
            if accepting is None and all(asked >= began for asked in self.traffic.asked):
                accepting = took
            if accepting is not None and delivered:
                return accepting, took
            if took > PEACE_SECONDS:
                raise TimeoutError(f"not every queue moved again within {PEACE_SECONDS} s")
            self.wait(EVERY_SECONDS)

    def drain(self) -> list[str]:
        """Send no more, wait for what was acknowledged, stop every node; what went wrong. Raises TimeoutError."""
        faults = []
        self.traffic.end()
        self.traffic.look(more=False)
        end = time.monotonic() + DRAIN_SECONDS
        while self.traffic.waiting:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.traffic.waiting} messages did not come within {DRAIN_SECONDS} s")
            self.wait(EVERY_SECONDS, more=False)
        for server in self.stage.servers:
            if server.stop():
                faults.append(f"a node ended badly: {server.said()[-600:]}")
        self.traffic.look(more=False)
        checked = self.stage.servers[0].cli("check", check=False)
        if checked.returncode:
            faults.append(f"waypost check: {checked.stdout[-600:]}{checked.stderr[-600:]}")
        return faults


@contextmanager
def load(
    stage: Stage,
    place: Path,
    form: Form,
    seed: int,
    *,
    through: Callable[[int], int] = int,
    time_limit: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Load]:
    """Senders and a receiver on a stage. `through(port)` says by which port the receiver is reached.

    `time_limit` is the destinations', `environment` the senders' beside what every process has.
    """
    with ExitStack() as stack:
        mood = (str(seed), str(form.slowest_seconds))
        receiver = stack.enter_context(Child("crash.receiver", *mood, log=place / "receiver.log"))
        url = f"http://127.0.0.1:{through(int(receiver.hello['port']))}/"
        abouts = _prepare(stage, url, form, time_limit)
        senders = []
        for number, about in enumerate(abouts):
            path = place / f"sender-{number}.json"
            path.write_text(json.dumps(about))
            log = place / f"sender-{number}.log"
            senders.append(stack.enter_context(Child("crash.sender", str(path), log=log, environment=environment)))
        yield Load(stage, Traffic(receiver, senders, form))


def _prepare(nodes: Stage, url: str, form: Form, time_limit: int | None) -> list[dict[str, Any]]:
    """A queue for each lane, shared out among the senders: what each must know."""
    server = nodes.servers[0]
    source, client = server.source(), server.client_id()
    key = keyfiles.of_client(Folder(server.data), client).privateKey
    made = {number: server.destination(endpoint=f"{url}{number}") for number in range(form.lanes)}
    for destination in made.values():
        server.subscribe(source, destination)
        if time_limit is not None:
            path = f"/waypost/v1/destinations/{destination['id']}"
            server.call("PATCH", path, {"timeoutSeconds": time_limit})
    about = {"ports": nodes.ports, "client": client, "key": key, "source": source, "batch": form.batch}
    mine = [{number: made[number] for number in range(first, form.lanes, SENDERS)} for first in range(SENDERS)]
    return [{**about, "lanes": each} for each in mine]
