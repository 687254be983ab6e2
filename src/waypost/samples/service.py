"""Run dataset tester: a test source of the environment, its subscription to the destination, and the messages.

They go through intake as any others do, so that order, ledger and retries are the same.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from waypost.access import ENGINEER, Caller, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.destinations import store as destinations
from waypost.environments import store as environments
from waypost.errors import Conflict, RateLimited, Unavailable
from waypost.messages.service import Given, Intake
from waypost.samples.model import DATA_SETS, SampleSend
from waypost.sources.service import Sources
from waypost.subscriptions.service import Subscriptions
from waypost.validation import checked


@dataclass(frozen=True, slots=True)
class SamplesSent:
    """What was sent: from which source to which destination, and of which data models."""

    source_id: str
    destination_id: str
    data_models: list[str]


class Samples:
    """Sends sample data sets."""

    def __init__(
        self, db: Database, clock: Clock, sources: Sources, subscriptions: Subscriptions, intake: Intake
    ) -> None:
        self._db = db
        self._clock = clock
        self._sources = sources
        self._subscriptions = subscriptions
        self._intake = intake

    async def send(self, caller: Caller, destination_id: str, raw: Any) -> SamplesSent:
        """Send a data set to a destination. Raises NotFound, Forbidden, Invalid, Conflict, Unavailable."""
        found = await self._db.read(lambda tx: destinations.get(tx, destination_id))
        require_environment(caller, found.environment_id, ENGINEER, "destination")
        dataset_id = checked(SampleSend, raw).datasetId
        chosen = DATA_SETS[dataset_id]

        def prepare(tx: Tx) -> tuple[SamplesSent, list[dict[str, Any]]]:
            destination = destinations.get(tx, destination_id)
            environment = environments.get(tx, destination.environment_id)
            if destination.setup_state is not None:
                detail = "The destination is still being set up; finish that first."
                raise Conflict(detail, code="not_configured")
            source = self._sources.for_tests(tx, caller, environment)
            self._subscriptions.between(tx, caller, environment, source.id, destination.id, chosen.data_model)
            now = self._clock.now_ms()
            made = chosen.messages(source.id, destination.id, datetime.fromtimestamp(now / 1000, UTC))
            details = {"id": destination.id, "datasetId": dataset_id, "source": source.id, "messages": len(made)}
            audit.record(
                tx, caller, "sample-dataset-sent",
                organization_id=environment.organization_id, environment_id=environment.id,
                details=details, now_ms=now,
            )  # fmt: skip
            return SamplesSent(source.id, destination.id, [chosen.data_model]), made

        sent, made = await self._db.write(prepare)
        given = [Given(msgspec.json.encode(each)) for each in made]
        for outcome in await self._intake.accept_all(found.environment_id, given):
            if isinstance(outcome, Unavailable | RateLimited):
                raise outcome
            if isinstance(outcome, Exception):  # its source or subscription was taken away this very moment
                raise Conflict("The routes changed while the data set was sent; send it again.", code="changed")
        return sent
