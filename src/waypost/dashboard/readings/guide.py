"""The way to the first delivered message: which of its steps are done, read off what there is."""

from dataclasses import dataclass

from waypost.apikeys import store as apikeys
from waypost.dashboard.readings.glance import Glance
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.sources import store as sources
from waypost.subscriptions import store as subscriptions

MOST_QUEUES = 10
"""An environment with more queues than this needs no guide, although nothing was delivered yet."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What there is of each thing; `ready` are the destinations that can be sent to, (id, name)."""

    sources: int
    destinations: int
    subscriptions: int
    keys: int
    ready: tuple[tuple[str, str], ...]

    @property
    def done(self) -> dict[str, bool]:
        """By step, in their order."""
        return {
            "sources": self.sources > 0,
            "destinations": self.destinations > 0,
            "subscriptions": self.subscriptions > 0,
            "apikeys": self.keys > 0,
        }

    @property
    def following(self) -> str:
        """The first step that is not done; empty when all are."""
        return next((step for step, is_done in self.done.items() if not is_done), "")


def is_needed(glance: Glance) -> bool:
    """Whether nothing was delivered here yet."""
    return glance.delivered == 0 and glance.queues <= MOST_QUEUES


def read(tx: Tx, environment_id: str) -> Guide:
    """What there is in the environment; what samples brought with them does not count."""
    mine = sources.list_of(tx, environment_id)
    tests = {each.id for each in mine if each.is_test}
    routes = subscriptions.routes(tx, environment_id)
    to = destinations.list_of(tx, environment_id)
    return Guide(
        sources=len(mine) - len(tests),
        destinations=len(to),
        subscriptions=sum(each.source_id not in tests for each in routes),
        keys=len(apikeys.list_of(tx, environment_id)),
        ready=tuple((each.id, each.name) for each in to if each.setup_state is None),
    )
