"""The campaign: load, bursts of kills, peace until every queue moves again; in the end everything is counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crash.load import EVERY_SECONDS, PEACE_SECONDS, Form, Load, load
from crash.plan import Burst, Kill, Store, draw
from crash.stage import NodeFailed, stage
from crash.verdict import CampaignOutcome

LANES = {"sqlite": 4, "postgresql": 12}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: so many kills, ended early when the seconds are over. Seeded; `form` is another load."""

    store: Store
    kills: int
    seed: int
    seconds: float
    form: Form | None = None


def run(size: Size, place: Path, say: Say) -> CampaignOutcome:
    """Run a campaign in an empty folder. Raises BenchFailed and AssertionError when it cannot even begin."""
    form = size.form or Form(LANES[size.store])
    with stage(size.store, place) as nodes, load(nodes, place, form, size.seed) as made:
        return Campaign(size, made).run(draw(size.store, size.kills, size.seed), say)


class Campaign:
    """One store's nodes under load. Make it with `run`."""

    def __init__(self, size: Size, load: Load) -> None:
        self._size, self._load, self._stage = size, load, load.stage
        self._end = time.monotonic() + size.seconds
        self._kills = self._restarts = 0
        self._moving: list[float] = []
        self._usual: list[float] = []
        self._accepting: list[float] = []
        self._faults: list[str] = []

    def run(self, bursts: list[Burst], say: Say) -> CampaignOutcome:
        """Every burst and the peace after it; then what was promised, counted."""
        began = time.monotonic()
        try:
            self._load.peace()
            for burst in bursts:
                if time.monotonic() > self._end:
                    break
                say(self._burst(burst))
            self._faults += self._load.drain()
        except (NodeFailed, TimeoutError) as error:
            self._faults.append(str(error))
        return self._outcome(time.monotonic() - began)

    def _burst(self, burst: Burst) -> str:
        """Kill as planned, then wait until all moves; what happened, in a line."""
        hit = []
        if self._load.traffic.form.calm_seconds:
            self._usual.append(self._load.calm())
        for event in burst:
            self._load.wait(event.after)
            if isinstance(event, Kill):
                self._until_ready(event)
                hit.append(self._stage.kill(event))
                self._kills += 1
            else:
                hit.append(self._stage.stop_database(event))
                self._load.wait(event.away)
                self._stage.start_database()
                self._restarts += 1
        accepting, moving = self._load.peace()
        self._accepting.append(accepting)
        self._moving.append(moving)
        accepted, delivered = (sum(each) for each in self._load.traffic.counts())
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
            self._load.wait(EVERY_SECONDS)

    def _outcome(self, seconds: float) -> CampaignOutcome:
        self._faults += [f"a message was refused: {words}" for words in self._load.traffic.refused[:3]]
        return CampaignOutcome(
            lanes=self._load.traffic.lanes(),
            kills=self._kills,
            planned=self._size.kills,
            restarts=self._restarts,
            moving=tuple(self._moving),
            usual=tuple(self._usual),
            accepting=tuple(self._accepting),
            seconds=seconds,
            faults=tuple(self._faults),
        )
