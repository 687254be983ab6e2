"""Where an environment's messages go: its live sources and subscriptions, kept in memory with their version.

The version is compared inside the accepting transaction (ENGINE invariant 8), so that a subscription
answered 201 anywhere routes the very next message.
"""

from dataclasses import dataclass

from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.environments import store as environments
from waypost.messages.model import Message
from waypost.sources import store as sources
from waypost.subscriptions import store as subscriptions
from waypost.subscriptions.model import model_key


class Unroutable(Exception):
    """The message cannot be routed; `module` is the vendor's word for where it failed."""

    def __init__(self, module: str, text: str) -> None:
        super().__init__(text)
        self.module = module
        self.text = text


@dataclass(frozen=True, slots=True)
class Routes:
    """One environment's routes at one version; names are for the answer's `Meta`."""

    environment_id: str
    version: int
    source_names: dict[str, str]
    destination_names: dict[str, str]
    subscriptions: dict[tuple[str, str, str], str]

    def source_of(self, message: Message) -> str:
        """The source that the message names, or the environment's only one. Raises Unroutable."""
        if message.source_id is None:
            if len(self.source_names) == 1:
                return next(iter(self.source_names))
            text = "Meta.Source.ID is required: this environment does not have exactly one source."
            raise Unroutable("Sources", text)
        if message.source_id not in self.source_names:
            raise Unroutable("Sources", "Meta.Source.ID is not a source of this API key's environment.")
        return message.source_id

    def subscription_of(self, source_id: str, destination_id: str, data_model: str) -> str:
        """The subscription for one destination of a message. Raises Unroutable."""
        found = self.subscriptions.get((source_id, destination_id, model_key(data_model)))
        if found is None:
            text = (
                "No subscriptions. Meta.Destinations needs to contain a destination from existing subscriptions"
                " of this source for Meta.DataModel."
            )
            raise Unroutable("Subscriptions", text)
        return found


def load(tx: Tx, environment_id: str) -> Routes:
    """The routes as they are now."""
    return Routes(
        environment_id=environment_id,
        version=environments.version(tx, environment_id) or 0,
        source_names={source.id: source.name for source in sources.list_of(tx, environment_id)},
        destination_names={found.id: found.name for found in destinations.list_of(tx, environment_id)},
        subscriptions={
            (found.source_id, found.destination_id, found.key): found.id
            for found in subscriptions.routes(tx, environment_id)
        },
    )
