"""An environment at a glance: what the overview shows, read once for all who look at the same time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waypost.clock import Clock
from waypost.db.database import Database, Tx, plan_for_values
from waypost.ledger import minutes
from waypost.ledger.minutes import Minute
from waypost.logs import look
from waypost.logs import store as logs
from waypost.logs.look import FailedAttempt
from waypost.metrics import EnvironmentFigures
from waypost.queues import figures, oldest
from waypost.queues.figures import Holding

FRESH_MS = 1_500
MINUTES = 60
MOST_HOLDING = 8
MOST_QUEUES = 20
MOST_FAILURES = 6
AMONG_FAILURES = 300


@dataclass(frozen=True, slots=True)
class HeldDestination:
    """A destination that holds, with its name."""

    holding: Holding
    name: str


@dataclass(frozen=True, slots=True)
class AlikeFailures:
    """What failed in the same way at the same destination: the newest attempt, and of how many messages."""

    last: FailedAttempt
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything at one moment; `oldest_at` is when the oldest message that waits was accepted."""

    taken_at: int
    figures: EnvironmentFigures
    oldest_at: int | None
    held: tuple[HeldDestination, ...]
    minutes: tuple[Minute, ...]
    failures: tuple[AlikeFailures, ...]

    @property
    def queues(self) -> int:
        """How many queues there are."""
        return sum(self.figures.queues.values())

    @property
    def delivered(self) -> int:
        """How many logs were delivered, ever."""
        return self.figures.ended["delivered"]

    @property
    def arrived(self) -> int:
        """How many logs were accepted and replayed, ever: one side of the ledger."""
        return self.figures.accepted + self.figures.replayed


class Glances:
    """Glances at environments, each kept for a moment."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept: dict[str, Glance] = {}
        self._looking: dict[str, asyncio.Task[Glance]] = {}
        self._oldest: dict[str, int | None] = {}

    async def at(self, environment_id: str) -> Glance:
        """How the environment stands, as of a moment ago at most."""
        kept = self._kept.get(environment_id)
        if kept is not None and 0 <= self._clock.now_ms() - kept.taken_at <= FRESH_MS:
            return kept
        looking = self._looking.get(environment_id)
        if looking is None:
            looking = asyncio.create_task(self._look(environment_id))
            self._looking[environment_id] = looking
            looking.add_done_callback(lambda _: self._looking.pop(environment_id, None))
        return await asyncio.shield(looking)

    async def _look(self, environment_id: str) -> Glance:
        now = self._clock.now_ms()
        oldest_at = self._oldest.get(environment_id)
        found = await self._db.read(lambda tx: take(tx, environment_id, now, oldest_at))
        self._oldest[environment_id] = found.oldest_at
        for old in [each for each, kept in self._kept.items() if now - kept.taken_at > FRESH_MS]:
            del self._kept[old]
        self._kept[environment_id] = found
        return found


def take(tx: Tx, environment_id: str, now_ms: int, oldest_at: int | None = None) -> Glance:
    """Look at everything. `oldest_at` is that of the glance before this one."""
    plan_for_values(tx)
    oldest_at = oldest.of_environment(tx, environment_id, oldest_at)
    counted = figures.of_environment(tx, environment_id, oldest_at, now_ms)
    holding = figures.holding(tx, environment_id, MOST_HOLDING, queues=MOST_QUEUES)
    stuck = [queue for each in holding for queue in each.some]
    heads = {queue.head_log_id for queue in stuck if queue.head_log_id is not None}
    failures = look.failures(tx, environment_id, count=AMONG_FAILURES, also=heads)
    ids = {each.destination_id for each in holding} | {each.destination_id for each in failures}
    called = logs.names(tx, set(), ids)
    standing = (counted.accepted + counted.replayed, counted.ended["delivered"])
    return Glance(
        taken_at=now_ms,
        figures=counted,
        oldest_at=oldest_at,
        held=tuple(HeldDestination(each, called.get(each.destination_id, "")) for each in holding),
        minutes=tuple(minutes.last(tx, environment_id, MINUTES, now_ms, standing=standing)),
        failures=_alike(failures, called),
    )


def _alike(failures: Sequence[FailedAttempt], called: Mapping[str, str]) -> tuple[AlikeFailures, ...]:
    """The newest of each kind, newest first."""
    kinds: dict[tuple[str, str | None], list[FailedAttempt]] = {}
    for each in failures:
        kinds.setdefault((each.destination_id, each.reason), []).append(each)
    found = [
        AlikeFailures(alike[0], called.get(alike[0].destination_id, ""), len(alike)) for alike in kinds.values()
    ]
    return tuple(found[:MOST_FAILURES])
