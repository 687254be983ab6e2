"""The campaign: load, bursts of kills, peace until every queue moves again; in the end everything is counted."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Child
from crash.plan import Burst, Kill, Store, draw
from crash.stage import NodeFailed, Stage, stage
from crash.verdict import Lane, Outcome, lane
from waypost.cli import keyfiles
from waypost.folder import Folder

LANES = {"sqlite": 4, "postgresql": 12}
SENDERS = 2
AHEAD = 50
"""So many messages of a queue may wait: a backlog, but not one that takes minutes to drain."""
MOVED = 2
"""So many messages show that a queue moves: one could have been on its way."""
PEACE_SECONDS = 60
DRAIN_SECONDS = 120
EVERY_SECONDS = 0.05

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: so many kills, ended early when the seconds are over. Seeded."""

    store: Store
    kills: int
    seed: int
    seconds: float


def run(size: Size, place: Path, say: Say) -> Outcome:
    """Run a campaign in an empty folder. Raises BenchFailed and AssertionError when it cannot even begin."""
    with _campaign(size, place) as campaign:
        return campaign.run(draw(size.store, size.kills, size.seed), say)


class Traffic:
    """What the senders were told and the receiver took, lane by lane, and when the newest of each came."""

    def __init__(self, receiver: Child, senders: list[Child], lanes: int) -> None:
        self.acknowledged: list[list[int]] = [[] for _ in range(lanes)]
        self.taken: list[list[int]] = [[] for _ in range(lanes)]
        self.refused: list[str] = []
        self._receiver, self._senders = receiver, senders
        self._read = [0] * (len(senders) + 1)
        self.newest = [-1] * lanes
        """The highest number that each lane has delivered."""

    def look(self, *, more: bool = True) -> None:
        """Hear what is new, and with `more` let the senders go on behind what was delivered."""
        self.refused = []
        for number, sender in enumerate(self._senders):
            found = sender.ask("since", start=self._read[number])
            self._note(number, self.acknowledged, found["answered"])
            self.refused += found["refused"]
        found = self._receiver.ask("since", start=self._read[-1])
        self._note(-1, self.taken, found)
        for lane_number, number, _ in found:
            self.newest[lane_number] = max(self.newest[lane_number], number)
        if more:
            upto = {str(number): newest + 1 + AHEAD for number, newest in enumerate(self.newest)}
            for sender in self._senders:
                sender.ask("allow", upto=upto)

    def end(self) -> None:
        """No new messages; those that were begun are answered."""
        for sender in self._senders:
            sender.ask("end")

    def counts(self) -> tuple[list[int], list[int]]:
        """How many each lane has acknowledged, and delivered."""
        return [len(each) for each in self.acknowledged], [newest + 1 for newest in self.newest]

    @property
    def waiting(self) -> int:
        """How many were acknowledged and have not come."""
        return sum(len(set(a) - set(t)) for a, t in zip(self.acknowledged, self.taken, strict=True))

    def lanes(self) -> tuple[Lane, ...]:
        """Everything counted."""
        return tuple(lane(a, t) for a, t in zip(self.acknowledged, self.taken, strict=True))

    def _note(self, reader: int, where: list[list[int]], found: list[tuple[int, int, float]]) -> None:
        self._read[reader] += len(found)
        for number, what, _ in found:
            where[number].append(what)


class Campaign:
    """One store's nodes under load. Make it with `run`."""

    def __init__(self, size: Size, stage: Stage, traffic: Traffic) -> None:
        self._size, self._stage, self._traffic = size, stage, traffic
        self._end = time.monotonic() + size.seconds
        self._kills = self._restarts = 0
        self._moving: list[float] = []
        self._accepting: list[float] = []
        self._faults: list[str] = []

    def run(self, bursts: list[Burst], say: Say) -> Outcome:
        """Every burst and the peace after it; then what was promised, counted."""
        began = time.monotonic()
        try:
            self._peace()
            for burst in bursts:
                if time.monotonic() > self._end:
                    break
                say(self._burst(burst))
            self._drain()
        except (NodeFailed, TimeoutError) as error:
            self._faults.append(str(error))
        return self._outcome(time.monotonic() - began)

    def _burst(self, burst: Burst) -> str:
        """Kill as planned, then wait until all moves; what happened, in a line."""
        hit = []
        for event in burst:
            self._wait(event.after)
            if isinstance(event, Kill):
                self._until_ready(event)
                hit.append(self._stage.kill(event))
                self._kills += 1
            else:
                hit.append(self._stage.stop_database(event))
                self._wait(event.away)
                self._stage.start_database()
                self._restarts += 1
        accepting, moving = self._peace()
        self._accepting.append(accepting)
        self._moving.append(moving)
        accepted, delivered = (sum(each) for each in self._traffic.counts())
        return (
            f"{self._kills:>4} of {self._size.kills}: {'; '.join(hit)}\n       accepts after {accepting:.1f} s,"
            f" every queue moves after {moving:.1f} s; accepted {accepted:,}, delivered {delivered:,}"
        )

    def _until_ready(self, event: Kill) -> None:
        """Let the node come to work before it is killed, if that is the plan. Raises TimeoutError."""
        end = time.monotonic() + PEACE_SECONDS
        while event.at_work and not self._stage.servers[event.node].is_ready:
            if time.monotonic() > end:
                raise TimeoutError(f"node {event.node} was not ready within {PEACE_SECONDS} s")
            self._wait(EVERY_SECONDS)

    def _peace(self) -> tuple[float, float]:
        """Wait until every lane accepts and delivers; after how many seconds. Raises TimeoutError."""
        began = time.monotonic()
        self._traffic.look()
        before, accepting = self._traffic.counts(), None
        while True:
            now = self._traffic.counts()
            accepted, delivered = (
                all(new >= old + MOVED for new, old in zip(*each, strict=True))
                for each in zip(now, before, strict=True)
            )
            took = time.monotonic() - began
            if accepted and accepting is None:
                accepting = took
            if accepting is not None and delivered:
                return accepting, took
            if took > PEACE_SECONDS:
                raise TimeoutError(f"not every queue moved again within {PEACE_SECONDS} s")
            self._wait(EVERY_SECONDS)

    def _drain(self) -> None:
        """Send no more, and wait for what was acknowledged. Raises TimeoutError."""
        self._traffic.end()
        self._traffic.look(more=False)
        end = time.monotonic() + DRAIN_SECONDS
        while self._traffic.waiting:
            if time.monotonic() > end:
                raise TimeoutError(f"{self._traffic.waiting} messages did not come within {DRAIN_SECONDS} s")
            self._wait(EVERY_SECONDS, more=False)
        for server in self._stage.servers:
            if server.stop():
                self._faults.append(f"a node ended badly: {server.said()[-600:]}")
        self._traffic.look(more=False)
        checked = self._stage.servers[0].cli("check", check=False)
        if checked.returncode:
            self._faults.append(f"waypost check: {checked.stdout[-600:]}{checked.stderr[-600:]}")

    def _wait(self, seconds: float, *, more: bool = True) -> None:
        """Let time pass under load."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            threading.Event().wait(min(left, EVERY_SECONDS))
            self._stage.look()
            self._traffic.look(more=more)

    def _outcome(self, seconds: float) -> Outcome:
        self._faults += [f"a message was refused: {words}" for words in self._traffic.refused[:3]]
        return Outcome(
            lanes=self._traffic.lanes(),
            kills=self._kills,
            planned=self._size.kills,
            restarts=self._restarts,
            moving=tuple(self._moving),
            accepting=tuple(self._accepting),
            seconds=seconds,
            faults=tuple(self._faults),
        )


@contextmanager
def _campaign(size: Size, place: Path) -> Iterator[Campaign]:
    with ExitStack() as stack:
        nodes = stack.enter_context(stage(size.store, place))
        receiver = stack.enter_context(Child("crash.receiver", str(size.seed), log=place / "receiver.log"))
        lanes = LANES[size.store]
        abouts = _prepare(nodes, receiver.hello["url"], lanes)
        senders = []
        for number, about in enumerate(abouts):
            path = place / f"sender-{number}.json"
            path.write_text(json.dumps(about))
            senders.append(
                stack.enter_context(Child("crash.sender", str(path), log=place / f"sender-{number}.log"))
            )
        yield Campaign(size, nodes, Traffic(receiver, senders, lanes))


def _prepare(nodes: Stage, url: str, lanes: int) -> list[dict[str, Any]]:
    """A queue for each lane, shared out among the senders: what each must know."""
    server = nodes.servers[0]
    source, client = server.source(), server.client_id()
    key = keyfiles.of_client(Folder(server.data), client).privateKey
    made = {number: server.destination(endpoint=f"{url}{number}") for number in range(lanes)}
    for destination in made.values():
        server.subscribe(source, destination)
    about = {"ports": nodes.ports, "client": client, "key": key, "source": source}
    mine = [{number: made[number] for number in range(first, lanes, SENDERS)} for first in range(SENDERS)]
    return [{**about, "lanes": each} for each in mine]
