"""What is killed and when: drawn beforehand from a seed, so that the same seed kills in the same order.

Kills come in bursts. Within one they fall at random moments, into start-up and recovery too; then there is peace
until every queue moves again.
"""

import random
from dataclasses import dataclass
from typing import Literal

Store = Literal["sqlite", "postgresql"]
Stop = Literal["immediate", "fast"]

MOST_WAIT_SECONDS = 1.2
MOST_AWAY_SECONDS = 2.0
KILLS_A_RESTART = 20
AT_WORK = 0.65
LONGEST_BURST = {"sqlite": 3, "postgresql": 15}
ROLES = {"sqlite": ("all",), "postgresql": ("api", "api", "worker", "worker")}


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL for the node of that number, so many seconds after what came before.

    `at_work`: not before it is ready; otherwise in the middle of its start, perhaps.
    """

    after: float
    node: int
    at_work: bool


@dataclass(frozen=True, slots=True)
class Restart:
    """The database stops that way, as `pg_ctl -m` has it, and is away for so many seconds."""

    after: float
    how: Stop
    away: float


Event = Kill | Restart
Burst = tuple[Event, ...]


def draw(store: Store, kills: int, seed: int) -> list[Burst]:
    """So many kills, and on PostgreSQL its restarts, in bursts."""
    draw = random.Random(seed)  # noqa: S311 - a plan, no secret
    events: list[Event] = [_kill(draw, store) for _ in range(kills)]
    if store == "postgresql":
        for number in range(max(1, kills // KILLS_A_RESTART)):
            how: Stop = "fast" if number % 2 else "immediate"
            restart = Restart(_wait(draw), how, draw.uniform(0, MOST_AWAY_SECONDS))
            events.insert(draw.randint(0, len(events)), restart)
    bursts = []
    while events:
        size = draw.randint(1, LONGEST_BURST[store])
        bursts.append(tuple(events[:size]))
        del events[:size]
    return bursts


def _kill(draw: random.Random, store: Store) -> Kill:
    return Kill(_wait(draw), draw.randrange(len(ROLES[store])), draw.random() < AT_WORK)


def _wait(draw: random.Random) -> float:
    return draw.uniform(0, MOST_WAIT_SECONDS)
