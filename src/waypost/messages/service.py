"""Taking a message in: read, routed, sealed, and durable with all its logs before anybody says 200."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.errors import Conflict
from waypost.ids import new_id
from waypost.messages import idempotency, model, routing
from waypost.messages.idempotency import Once
from waypost.messages.model import Message
from waypost.messages.routing import Routes, Unroutable
from waypost.metrics import Metrics
from waypost.queues.model import Accept, Target
from waypost.queues.port import Hot, accepting
from waypost.vault.vault import Vault

MOST_ROUTE_LOADS = 5

Arrived = Callable[[str, str], None]
"""Told of each queue and destination that a durable message went into."""


class _RoutesMoved(Exception):
    """The routes in memory are older than those in the store."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the sender is told: `Meta` with one log id per destination, in the order of `Destinations`."""

    meta: dict[str, Any]
    targets: tuple[Target, ...]


class Intake:
    """Accepts messages of every environment."""

    def __init__(
        self, db: Database, hot: Hot, vault: Vault, clock: Clock, metrics: Metrics, arrived: Arrived
    ) -> None:
        self._db = db
        self._hot = hot
        self._vault = vault
        self._clock = clock
        self._metrics = metrics
        self._arrived = arrived
        self._routes: dict[str, Routes] = {}

    async def accept(self, environment_id: str, body: bytes, *, key: str | None = None) -> dict[str, Any]:
        """The answer's `Meta`. Raises MessageInvalid, Unroutable, Conflict (a key used for another message).

        `key` is the sender's `Idempotency-Key`: sent again within a day it gives the same answer, no second
        message.
        """
        message = model.read(body)
        if model.is_query(message.event_type):
            text = "This event asks for an answer (sync); only messages that are delivered onward are carried yet."
            raise Unroutable("Queries", text)
        once = None if key is None else _once(environment_id, key, body, self._clock.now_ms())
        await self._vault.prepare(environment_id)
        for _ in range(MOST_ROUTE_LOADS):
            routes = self._routes.get(environment_id) or await self._load(environment_id)
            try:
                return await self._accept(routes, message, once)
            except _RoutesMoved:
                await self._load(environment_id)
            except Unroutable:
                version, before = await self._db.read(lambda tx: self._standing(tx, environment_id, once))
                if before is not None:
                    return before
                if version == routes.version:
                    raise
                await self._load(environment_id)
        raise Conflict("The routes of this environment keep changing; send the message again.")

    def _standing(
        self, tx: Tx, environment_id: str, once: Once | None
    ) -> tuple[int | None, dict[str, Any] | None]:
        """The version of the routes, and the answer that this key was given while they were others."""
        before = None if once is None else idempotency.find(tx, once)
        return self._hot.environment_version(tx, environment_id), before

    async def _load(self, environment_id: str) -> Routes:
        routes = await self._db.read(lambda tx: routing.load(tx, environment_id))
        self._routes[environment_id] = routes
        return routes

    async def _accept(self, routes: Routes, message: Message, once: Once | None) -> dict[str, Any]:
        source_id = routes.source_of(message)
        targets = tuple(
            _target(routes.subscription_of(source_id, destination_id, message.data_model), destination_id)
            for destination_id in message.destination_ids
        )
        given = self._sealed(routes, message, source_id, targets)
        answer = Accepted(_meta(routes, message, source_id, targets), targets)

        def write(tx: Tx) -> Accepted:
            if self._hot.environment_version(tx, routes.environment_id) != routes.version:
                raise _RoutesMoved
            if once is not None and (before := idempotency.find(tx, once)) is not None:
                return Accepted(before, ())
            self._hot.accept(tx, given)
            if once is not None:
                idempotency.insert(tx, once, answer.meta)
            return answer

        accepted = await self._db.write(write, beside=accepting(targets))
        self._metrics.accepted(len(accepted.targets))
        for target in accepted.targets:
            self._arrived(target.queue_id, target.destination_id)
        return accepted.meta

    def _sealed(self, routes: Routes, message: Message, source_id: str, targets: tuple[Target, ...]) -> Accept:
        message_id = new_id()
        sealed = self._vault.seal(routes.environment_id, message.body, table="message", row=message_id)
        return Accept(
            message_id=message_id,
            environment_id=routes.environment_id,
            source_id=source_id,
            data_model=message.data_model,
            event_type=message.event_type,
            facility_code=message.facility_code,
            body=sealed,
            meta_start=message.meta_start,
            meta_end=message.meta_end,
            now_ms=self._clock.now_ms(),
            targets=targets,
        )


def _target(subscription_id: str, destination_id: str) -> Target:
    """A subscription's queue has the subscription's id, until child queues part it."""
    return Target(new_id(), subscription_id, subscription_id, destination_id)


def _once(environment_id: str, key: str, body: bytes, now_ms: int) -> Once:
    digest = hashlib.sha256(body).hexdigest()
    return Once(environment_id, hashlib.sha256(key.encode()).hexdigest(), digest, now_ms)


def _meta(routes: Routes, message: Message, source_id: str, targets: tuple[Target, ...]) -> dict[str, Any]:
    return {
        "DataModel": message.data_model,
        "EventType": message.event_type,
        "Source": {"ID": source_id, "Name": routes.source_names[source_id]},
        "Destinations": [
            {"ID": target.destination_id, "Name": routes.destination_names[target.destination_id]}
            for target in targets
        ],
        "Logs": [{"ID": target.log_id} for target in targets],
    }
