"""What ids are called: source, destination and data model of queues and logs, for lists that people read."""

from collections.abc import Iterable
from dataclasses import dataclass

from waypost.db.database import Tx
from waypost.logs import store as logs
from waypost.subscriptions import store as subscriptions


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where, and of what; empty words where a part is gone."""

    source_id: str
    source: str
    destination_id: str
    destination: str
    data_model: str


def routes(tx: Tx, ends: Iterable[tuple[str, str]]) -> dict[str, Route]:
    """By subscription id, of (subscription id, destination id) pairs."""
    pairs = dict(ends)
    known = subscriptions.listed(tx, pairs.keys())
    called = logs.names(tx, {each.source_id for each in known.values()}, set(pairs.values()))
    found = {}
    for subscription_id, destination_id in pairs.items():
        known_one = known.get(subscription_id)
        source_id = known_one.source_id if known_one else ""
        data_model = known_one.data_model if known_one else ""
        found[subscription_id] = Route(
            source_id, called.get(source_id, ""), destination_id, called.get(destination_id, ""), data_model
        )
    return found
