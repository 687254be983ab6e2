"""What may be asked of a replay of many logs, and how far one has come."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from waypost.logs.search import MetadataSearch


class ReplayState(StrEnum):
    """Where a replay of many stands."""

    running = "running"
    done = "done"


class ReplayRange(MetadataSearch):
    """Body of Replay many: which logs, as in Search metadata. Nothing is sent unless `dryRun` is false."""

    dryRun: bool = True


@dataclass(frozen=True, slots=True)
class ReplayOfMany:
    """A replay of many: `count` logs were found when it began, `replayed` of them are in their queues again."""

    id: str
    environment_id: str
    state: ReplayState
    filter: dict[str, Any]
    count: int
    replayed: int
    created_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """One destination's share: its logs behind `cursor`, up to `last`."""

    replay_id: str
    destination_id: str
    cursor: int
    last: int
