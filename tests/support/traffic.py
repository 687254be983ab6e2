"""Sources, destinations, subscriptions and messages straight in the store, for tests of the engine's own rooms."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tests.support import stores, tenants
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.destinations import store as destinations
from waypost.environments import store as environments
from waypost.environments.store import Flag
from waypost.ids import new_id
from waypost.queues import store as queues
from waypost.queues.model import Accept, Addressee
from waypost.queues.port import Hot, rows_of_accept
from waypost.sources import store as sources
from waypost.sources.model import Source
from waypost.subscriptions import store as subscriptions
from waypost.subscriptions.model import Subscription


@dataclass
class Traffic:
    """What an environment's traffic needs; everything made here is in that environment."""

    db: Database
    clock: Clock
    environment_id: str
    organization_id: int

    @property
    def hot(self) -> Hot:
        return stores.hot_of(self.db)

    async def source(self, name: str = "Feed") -> str:
        """The id of a new source."""
        made = Source(new_id(), self.environment_id, Flag.development, name)

        def insert(tx: Tx) -> str:
            sources.insert(tx, made, self.clock.now_ms())
            environments.bump(tx, self.environment_id)
            return made.id

        return await self.db.write(insert)

    async def destination(self, name: str = "Ward", **columns: Any) -> str:
        """The id of a new destination."""
        now, made = self.clock.now_ms(), new_id()
        values = {"id": made, "environment_id": self.environment_id, "name": name, "created_at": now}

        def insert(tx: Tx) -> str:
            destinations.insert(tx, values | {"updated_at": now} | columns)
            environments.bump(tx, self.environment_id)
            return made

        return await self.db.write(insert)

    async def subscription(
        self, source_id: str | None = None, destination_id: str | None = None, data_model: str = "PatientAdmin"
    ) -> Subscription:
        """A new subscription with its queue, which has its id; ends are made where none are given."""
        made = Subscription(
            new_id(),
            self.environment_id,
            Flag.development,
            source_id or await self.source(),
            destination_id or await self.destination(),
            data_model,
        )

        def insert(tx: Tx) -> Subscription:
            subscriptions.insert(tx, made, self.clock.now_ms())
            queues.open_queue(
                tx,
                environment_id=self.environment_id,
                subscription_id=made.id,
                destination_id=made.destination_id,
            )
            environments.bump(tx, self.environment_id)
            return made

        return await self.db.write(insert)

    def message(self, *to: Subscription, body: bytes = b"sealed", **more: Any) -> Accept:
        """A message for these subscriptions, ready to be accepted."""
        addressees = tuple(Addressee(new_id(), each.id, each.id, each.destination_id) for each in to)
        values = {
            "message_id": new_id(), "environment_id": self.environment_id, "source_id": to[0].source_id,
            "data_model": to[0].data_model, "event_type": "NewPatient", "facility_code": None,
            "meta_start": 1, "meta_end": 2, "now_ms": self.clock.now_ms(),
        }  # fmt: skip
        return Accept(**(values | {"body": body, "addressees": addressees} | more))

    async def accept(self, *to: Subscription, **more: Any) -> list[str]:
        """The log ids of a message accepted for these subscriptions."""
        given = self.message(*to, **more)
        await self.db.write(lambda tx: self.hot.accept(tx, given), beside=rows_of_accept(given.addressees))
        return [addressee.log_id for addressee in given.addressees]

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """What a query finds."""
        return await self.db.read(lambda tx: list(tx.execute(sa.text(query), values)))

    async def execute(self, statement: str, **values: Any) -> None:
        """Change rows behind the product's back."""
        await self.db.write(lambda tx: tx.execute(sa.text(statement), values) and None)


async def found(db: Database, clock: Clock) -> Traffic:
    """An empty Development environment."""
    tenant = await tenants.found(db, clock)
    return Traffic(db, clock, tenant.development, tenant.id)
