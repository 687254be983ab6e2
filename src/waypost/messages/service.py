"""Taking a message in: read, routed, sealed, and durable with all its logs before anybody says 200."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waypost.clock import Clock
from waypost.db.database import Database
from waypost.disk import Room
from waypost.errors import Conflict, Unavailable
from waypost.ids import new_id
from waypost.messages import model
from waypost.messages.current import CurrentRoutes
from waypost.messages.idempotency import Once
from waypost.messages.model import Message, MessageInvalid
from waypost.messages.routing import NotAccepted, Routes, Unroutable
from waypost.messages.writing import Acceptance, Plan, RoutesMoved, Writing
from waypost.metrics import Metrics
from waypost.queues.model import Accept, Addressee, Arrived
from waypost.queues.port import Hot
from waypost.quotas.meter import Meter
from waypost.vault.vault import Vault

MOST_ROUTE_LOADS = 5


@dataclass(frozen=True, slots=True)
class Given:
    """A message as it came, with the sender's `Idempotency-Key` if there is one."""

    body: bytes
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A readable message."""

    message: Message
    once: Once | None


class Intake:
    """Accepts messages of every environment."""

    def __init__(
        self,
        db: Database,
        hot: Hot,
        vault: Vault,
        clock: Clock,
        metrics: Metrics,
        arrived: Arrived,
        *,
        room: Room,
        meter: Meter,
    ) -> None:
        self._routes = CurrentRoutes(db, vault)
        self._writing = Writing(db, hot)
        self._vault = vault
        self._clock = clock
        self._metrics = metrics
        self._arrived = arrived
        self.require_room = room
        self.meter = meter

    async def accept(self, environment_id: str, body: bytes, *, key: str | None = None) -> dict[str, Any]:
        """The answer's `Meta`. Raises MessageInvalid, Unroutable, Conflict (a key used for another message).

        `key` is the sender's `Idempotency-Key`: sent again within a day it gives the same answer, no second
        message.
        """
        [outcome] = await self.accept_all(environment_id, [Given(body, key)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def accept_all(self, environment_id: str, given: Sequence[Given]) -> list[dict[str, Any] | NotAccepted]:
        """For each message, in order, what `accept` would say: its `Meta`, or the error that refuses it.

        Those that are accepted are so in this order and in one transaction. Raises errors.Unavailable.
        """
        self.require_room()
        admitted, over = self.meter.admit(environment_id, len(given))
        read: list[_Read | NotAccepted] = [self._read(environment_id, each) for each in given[:admitted]]
        if over is not None:
            read += [over] * (len(given) - admitted)
        good = [each for each in read if isinstance(each, _Read)]
        written = iter(await self._written(environment_id, good) if good else ())
        return [next(written) if isinstance(each, _Read) else each for each in read]

    async def _written(self, environment_id: str, good: Sequence[_Read]) -> list[dict[str, Any] | NotAccepted]:
        """What readable messages come to, under the routes as they are when they are written."""
        await self._vault.prepare(environment_id)
        for _ in range(MOST_ROUTE_LOADS):
            routes = await self._routes.of(environment_id)
            try:
                return await self._accept([self._planned(routes, each) for each in good], routes)
            except RoutesMoved:
                await self._routes.renew(routes)
        raise Conflict("The routes of this environment keep changing; send the message again.")

    def _read(self, environment_id: str, given: Given) -> _Read | NotAccepted:
        try:
            message = model.read(given.body)
        except MessageInvalid as error:
            return error
        if model.is_query(message.event_type):
            text = "This event asks for an answer (sync); only messages that are delivered onward are carried yet."
            return Unroutable("Queries", text)
        if given.key is None:
            return _Read(message, None)
        return _Read(message, _once(environment_id, given.key, given.body, self._clock.now_ms()))

    def _planned(self, routes: Routes, read: _Read) -> Plan:
        message = read.message
        try:
            source_id = routes.source_of(message)
            addressees = tuple(
                routes.addressee(source_id, destination_id, message) for destination_id in message.destination_ids
            )
        except (MessageInvalid, Unroutable, Unavailable) as error:
            return Plan(read.once, error)
        given = self._sealed(routes, message, source_id, addressees)
        return Plan(read.once, Acceptance(given, _meta(routes, message, source_id, addressees)))

    async def _accept(self, plans: Sequence[Plan], routes: Routes) -> list[dict[str, Any] | NotAccepted]:
        """Carry the plans out, all in one transaction. Raises RoutesMoved, having changed nothing."""
        found = await self._writing.settled(plans, routes)
        for each in found:
            if isinstance(each, Acceptance) and each.given is not None:
                self._metrics.accepted(len(each.given.addressees))
                self.meter.accepted(routes.environment_id, len(each.given.addressees))
                for addressee in each.given.addressees:
                    for queue_id in addressee.queue_ids:
                        self._arrived(queue_id, addressee.destination_id)
        return [each.meta if isinstance(each, Acceptance) else each for each in found]

    def _sealed(
        self, routes: Routes, message: Message, source_id: str, addressees: tuple[Addressee, ...]
    ) -> Accept:
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
            addressees=addressees,
        )


def _once(environment_id: str, key: str, body: bytes, now_ms: int) -> Once:
    digest = hashlib.sha256(body).hexdigest()
    return Once(environment_id, hashlib.sha256(key.encode()).hexdigest(), digest, now_ms)


def _meta(routes: Routes, message: Message, source_id: str, addressees: tuple[Addressee, ...]) -> dict[str, Any]:
    return {
        "DataModel": message.data_model,
        "EventType": message.event_type,
        "Source": {"ID": source_id, "Name": routes.source_names[source_id]},
        "Destinations": [
            {"ID": addressee.destination_id, "Name": routes.destination_names[addressee.destination_id]}
            for addressee in addressees
        ],
        "Logs": [{"ID": addressee.log_id} for addressee in addressees],
    }
