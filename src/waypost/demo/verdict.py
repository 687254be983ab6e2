"""Whether the receivers got what was accepted: all of it, once, in order, unchanged. Pure."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

NOT_CARRIED = ("Source", "Destinations", "Logs")
"""Members of `Meta` that Waypost sets for each delivery; every other byte of meaning must arrive as sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Waypost accepted."""

    log_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Got:
    """A message that a receiver took at `at` seconds; `sequence` is the `waypost-sequence` header."""

    at: float
    log_id: str
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong, as log ids; all empty when every promise was kept."""

    lost: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    disordered: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing at all was wrong."""
        return not (self.lost or self.repeated or self.disordered or self.altered or self.unknown)


def judge(sent: Sequence[Sent], got: Sequence[Got]) -> Verdict:
    """Compare what was accepted, in that order, with what arrived, at whichever receiver."""
    place = {message.log_id: number for number, message in enumerate(sent)}
    arrivals = Counter(message.log_id for message in got)
    known = sorted((message for message in got if message.log_id in place), key=lambda message: message.at)
    return Verdict(
        lost=tuple(message.log_id for message in sent if message.log_id not in arrivals),
        repeated=tuple(log_id for log_id, times in arrivals.items() if times > 1),
        disordered=tuple(
            later.log_id
            for earlier, later in pairwise(known)
            if place[later.log_id] < place[earlier.log_id] or later.sequence < earlier.sequence
        ),
        altered=tuple(
            message.log_id
            for message in known
            if carried(message.body) != carried(sent[place[message.log_id]].body)
        ),
        unknown=tuple(message.log_id for message in got if message.log_id not in place),
    )


def carried(body: bytes) -> Any:
    """The message without what Waypost sets on the way."""
    message = json.loads(body)
    return {**message, "Meta": {name: value for name, value in message["Meta"].items() if name not in NOT_CARRIED}}
