"""A trial: one fault again and again, on nodes under load; what was promised is counted, as in the crash campaign.

scene      nodes, and what does the fault and undoes it
round      the fault, for so long; then peace until every queue accepts and delivers again
the end    no new messages; what was acknowledged must come; `waypost check` recounts
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import BenchFailed
from crash.load import Form, Load, load
from crash.plan import Store
from crash.stage import NodeFailed, Stage
from crash.verdict import QueueTally

LIGHT = Form(lanes=8, calm_seconds=1.0)

Say = Callable[[str], None]


class Skipped(Exception):
    """This machine cannot do that; the text says why."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: rounds until so many messages were accepted or the seconds are over; seeded.

    `form` is the load meanwhile.
    """

    messages: int
    seconds: float
    seed: int
    form: Form = LIGHT


@dataclass
class Setting:
    """Nodes, and what happens to them. `through(port)` is the port by which the receiver is reached.

    `again` makes all as it was before the next round. `broken` counts the exchanges that the network broke: each
    of them may be a repeat. `time_limit` is the destinations', `environment` the senders'. In
    the end `notes` is what else was seen, `wrong` what should not have been.
    """

    stage: Stage
    inject: Callable[[Load], str]
    heal: Callable[[Load], None]
    again: Callable[[Load], None] = lambda _: None
    through: Callable[[int], int] = int
    broken: Callable[[], int] = lambda: 0
    time_limit: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: Callable[[], list[str]] = list
    wrong: Callable[[], list[str]] = list


Make = Callable[[Path, ExitStack, random.Random], Setting]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done, for so long, and how many repeats a round may bring to a queue. `make` may raise Skipped.

    `least`: so many rounds however few the messages, unless the time is over.
    """

    name: str
    store: Store
    seconds: float
    repeats: int
    make: Make
    least: int = 1


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial found. `recovered`: seconds from the end of each fault until every queue moved.

    `usual` is how long the same took before each fault. `repeats` is how many one queue may have, `together` all
    of them.
    """

    name: str
    store: str
    rounds: int = 0
    lanes: tuple[QueueTally, ...] = ()
    repeats: int = 0
    together: int | None = None
    recovered: tuple[float, ...] = ()
    usual: tuple[float, ...] = ()
    seconds: float = 0
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str | None = None

    def sum(self, name: str) -> int:
        """Of all lanes together."""
        return sum(getattr(each, name) for each in self.lanes)

    @property
    def worst(self) -> int:
        """The most that one queue repeats."""
        return max((each.repeated for each in self.lanes), default=0)

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken, in words."""
        wrong = {
            "acknowledged and lost": self.sum("lost"),
            "delivered and never acknowledged": self.sum("unasked"),
            "out of order": self.sum("inverted"),
        }
        found = [f"{count} messages {what}" for what, count in wrong.items() if count]
        if self.worst > self.repeats:
            found.append(f"one queue repeats {self.worst} times, where {self.repeats} can be explained")
        if self.together is not None and self.sum("repeated") > self.together:
            found.append(f"{self.sum('repeated')} repeats, where {self.together} can be explained")
        return [*found, *self.faults]

    @property
    def median(self) -> float:
        """Of the times of recovery."""
        return statistics.median(self.recovered) if self.recovered else 0.0


def run(fault: Fault, size: Size, place: Path, say: Say) -> TrialResult:
    """Do the trial in an empty folder."""
    draw = random.Random(f"{fault.name} {fault.store} {size.seed}")  # noqa: S311 - a plan, no secret
    try:
        with ExitStack() as stack:
            scene = fault.make(place, stack, draw)
            made = stack.enter_context(
                load(
                    scene.stage,
                    place,
                    size.form,
                    size.seed,
                    through=scene.through,
                    time_limit=scene.time_limit,
                    environment=scene.environment,
                )
            )
            return _Trial(fault, scene, made, say).run(size)
    except Skipped as why:
        return TrialResult(fault.name, fault.store, skipped=str(why))
    except (BenchFailed, AssertionError) as error:
        return TrialResult(fault.name, fault.store, faults=(f"could not go on: {error}",))


class _Trial:
    def __init__(self, fault: Fault, scene: Setting, made: Load, say: Say) -> None:
        self._fault, self._scene, self._load, self._say = fault, scene, made, say
        self._recovered: list[float] = []
        self._usual: list[float] = []

    def run(self, size: Size) -> TrialResult:
        began, faults = time.monotonic(), []
        try:
            self._load.peace()
            while not self._recovered or (time.monotonic() - began < size.seconds and self._goes_on(size)):
                if self._recovered:
                    self._scene.again(self._load)
                self._round()
            self._scene.again(self._load)
            faults += self._load.drain()
        except (NodeFailed, TimeoutError) as error:
            faults.append(str(error))
        faults += [f"a message was refused: {words}" for words in self._load.traffic.refused[:3]]
        faults += self._scene.wrong()
        rounds, broken = len(self._recovered), self._scene.broken()
        return TrialResult(
            self._fault.name,
            self._fault.store,
            rounds=rounds,
            lanes=self._load.traffic.lanes(),
            repeats=self._fault.repeats * rounds + broken,
            together=self._fault.repeats * rounds * self._load.traffic.form.lanes + broken,
            recovered=tuple(self._recovered),
            usual=tuple(self._usual),
            seconds=time.monotonic() - began,
            faults=tuple(faults),
            notes=tuple(self._scene.notes()),
        )

    def _round(self) -> None:
        self._usual.append(self._load.calm())
        words = self._scene.inject(self._load)
        self._load.wait(self._fault.seconds)
        self._scene.heal(self._load)
        _, moving = self._load.peace()
        self._recovered.append(moving)
        accepted, delivered = (sum(each) for each in self._load.traffic.counts())
        self._say(f"{words}: moves after {moving:.1f} s; accepted {accepted:,}, delivered {delivered:,}")

    def _goes_on(self, size: Size) -> bool:
        return len(self._recovered) < self._fault.least or sum(self._load.traffic.counts()[0]) < size.messages
