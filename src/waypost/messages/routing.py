"""Where an environment's messages go: its live sources and subscriptions, kept in memory with their version.

The version is compared inside the accepting transaction (invariant 8), so that a subscription
answered 201 anywhere routes the very next message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.environments import store as environments
from waypost.errors import Unavailable, WaypostError
from waypost.messages import patients
from waypost.messages.model import Message, MessageInvalid
from waypost.queues.children import Generation
from waypost.queues.model import Addressee
from waypost.sources import store as sources
from waypost.subscriptions import store as subscriptions
from waypost.subscriptions.model import Subscription, model_key
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault


class Unroutable(Exception):
    """The message cannot be routed; `module` is the vendor's word for where it failed."""

    def __init__(self, module: str, text: str) -> None:
        super().__init__(text)
        self.module = module
        self.text = text


NotAccepted = MessageInvalid | Unroutable | WaypostError
"""Why one message was not accepted."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """Where a subscription's messages go: all into its own queue, or by `rule` into those of their patients."""

    generation: Generation
    rule: Mapping[str, Any] | None

    def addressee(self, body: bytes) -> Addressee:
        """The place of a new log of this message. Raises MessageInvalid."""
        return self.generation.addressee(() if self.rule is None else patients.identifiers(body, self.rule))


@dataclass(frozen=True, slots=True)
class Routes:
    """One environment's routes at one version; names are for the answer's `Meta`."""

    environment_id: str
    version: int
    source_names: dict[str, str]
    destination_names: dict[str, str]
    sortings: dict[tuple[str, str, str], Sorting | Unavailable]
    test_source: str | None = None

    def source_of(self, message: Message) -> str:
        """The source that the message names, or the environment's only one but for tests. Raises Unroutable."""
        if message.source_id is None:
            real = self.source_names.keys() - {self.test_source}
            if len(real) == 1:
                return next(iter(real))
            text = "Meta.Source.ID is required: this environment does not have exactly one source."
            raise Unroutable("Sources", text)
        if message.source_id not in self.source_names:
            raise Unroutable("Sources", "Meta.Source.ID is not a source of this API key's environment.")
        return message.source_id

    def addressee(self, source_id: str, destination_id: str, message: Message) -> Addressee:
        """Where the message goes for one of its destinations, with a new log's id.

        Raises Unroutable, MessageInvalid, Unavailable.
        """
        found = self.sortings.get((source_id, destination_id, model_key(message.data_model)))
        if found is None:
            text = (
                "No subscriptions. Meta.Destinations needs to contain a destination from existing subscriptions"
                " of this source for Meta.DataModel."
            )
            raise Unroutable("Subscriptions", text)
        if isinstance(found, Unavailable):
            raise found
        return found.addressee(message.body)


def load(tx: Tx, vault: Vault, environment_id: str) -> Routes:
    """The routes as they are now."""
    found_sources = sources.list_of(tx, environment_id)
    return Routes(
        environment_id=environment_id,
        version=environments.version(tx, environment_id) or 0,
        source_names={source.id: source.name for source in found_sources},
        test_source=next((source.id for source in found_sources if source.is_test), None),
        destination_names=dict(destinations.named(tx, environment_id)),
        sortings={
            (found.source_id, found.destination_id, found.key): _sorting_or_why(tx, vault, found)
            for found in subscriptions.routes(tx, environment_id)
        },
    )


def sorting(tx: Tx, vault: Vault, subscription: Subscription) -> Sorting:
    """Where the subscription's messages go now. Raises Unavailable: its key is lost."""
    key = None
    if subscription.generation and subscription.child_key is not None:
        key = vault.open(tx, subscription.child_key, table="subscription", row=subscription.id)
    generation = Generation(
        subscription.id, subscription.destination_id, subscription.generation, subscription.since, key
    )
    return Sorting(generation, subscription.child_queues)


def _sorting_or_why(tx: Tx, vault: Vault, subscription: Subscription) -> Sorting | Unavailable:
    """A lost key keeps out the messages of its own subscription only."""
    try:
        return sorting(tx, vault, subscription)
    except KeyUnavailable as error:
        return error
