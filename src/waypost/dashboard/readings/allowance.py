"""What an environment may take and what it has, where its operator bounds it: the lines of the overview's card."""

from collections.abc import Iterator
from dataclasses import dataclass

from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.quotas import store
from waypost.subscriptions import store as subscriptions


@dataclass(frozen=True, slots=True)
class Allowance:
    """One quota; `used` is None where nothing is kept that could be counted."""

    noun: str
    most: int
    used: int | None

    @property
    def is_reached(self) -> bool:
        """Whether nothing more is taken."""
        return self.used is not None and self.used >= self.most


def read(tx: Tx, environment_id: str, pending: int) -> list[Allowance]:
    """The quotas that are set, with what is used of each; so many logs are pending."""
    return list(_set(tx, environment_id, pending))


def _set(tx: Tx, environment_id: str, pending: int) -> Iterator[Allowance]:
    quotas = store.of(tx, environment_id)
    if quotas.messages_per_second is not None:
        yield Allowance("Messages a second, on each node", quotas.messages_per_second, None)
    if quotas.pending_logs is not None:
        yield Allowance("Logs that wait", quotas.pending_logs, pending)
    if quotas.destinations is not None:
        yield Allowance("Destinations", quotas.destinations, destinations.count_of(tx, environment_id))
    if quotas.subscriptions is not None:
        yield Allowance("Subscriptions", quotas.subscriptions, subscriptions.count_of(tx, environment_id))
