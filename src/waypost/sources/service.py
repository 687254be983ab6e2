"""What can be done with sources: engineers of the environment change them, every role reads them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from waypost import access, ids
from waypost.access import Caller
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict
from waypost.sources import store
from waypost.sources.model import IMMUTABLE, Source, SourceCreate, SourcePatch, given
from waypost.validation import checked, checked_patch

CREATED = "source-created"
TEST_SOURCE = "Waypost test source"


class Sources:
    """The use cases. `subscribed` gives the ids of the live subscriptions of a source."""

    def __init__(self, db: Database, clock: Clock, *, subscribed: Callable[[Tx, str], Sequence[str]]) -> None:
        self._db = db
        self._clock = clock
        self._subscribed = subscribed

    async def list(self, caller: Caller, environment_id: str) -> Sequence[Source]:
        """The environment's sources, oldest first. Raises NotFound."""
        access.require_environment(caller, environment_id, access.ANY_ROLE)
        return await self._db.read(lambda tx: store.list_of(tx, environment_id))

    async def get(self, caller: Caller, source_id: str) -> Source:
        """One source. Raises NotFound."""
        found = await self._db.read(lambda tx: store.get(tx, source_id))
        access.require_environment(caller, found.environment_id, access.ANY_ROLE, "source")
        return found

    async def create(self, caller: Caller, environment_id: str, raw: Any) -> Source:
        """A new source. Raises NotFound, Forbidden, Invalid."""
        access.require_environment(caller, environment_id, access.ENGINEER)
        checked(SourceCreate, raw)

        def insert(tx: Tx) -> Source:
            environment = environments.get(tx, environment_id)
            made = Source(ids.new_id(), environment_id, environment.flag, **given(raw))
            store.insert(tx, made, self._clock.now_ms())
            environments.bump(tx, environment_id)
            self._record(tx, caller, CREATED, made, {"after": made.shown()})
            return made

        return await self._db.write(insert)

    async def update(self, caller: Caller, source_id: str, raw: Any) -> Source:
        """Change the supplied fields. Raises NotFound, Forbidden, Invalid, Conflict."""
        current = await self._to_change(caller, source_id)
        checked_patch(SourcePatch, raw, current.shown(), immutable=IMMUTABLE)

        def change(tx: Tx) -> Source:
            before = store.get(tx, source_id)
            after = replace(before, **given(raw))
            if after == before:
                return before
            environments.bump(tx, before.environment_id)
            if before.setup_state is None and after.setup_state is not None:
                self._require_unused(tx, source_id, "go back to being set up")
            store.update(tx, after)
            details = {"before": before.shown(), "after": after.shown()}
            self._record(tx, caller, "source-updated", after, details)
            return after

        return await self._db.write(change)

    async def delete(self, caller: Caller, source_id: str) -> None:
        """Take a source away. Raises NotFound, Forbidden, and Conflict while subscriptions use it."""
        await self._to_change(caller, source_id)

        def remove(tx: Tx) -> None:
            before = store.get(tx, source_id)
            environments.bump(tx, before.environment_id)
            self._require_unused(tx, source_id, "be deleted")
            store.delete(tx, source_id, self._clock.now_ms())
            self._record(tx, caller, "source-deleted", before, {"before": before.shown()})

        await self._db.write(remove)

    def for_tests(self, tx: Tx, caller: Caller, environment: Environment) -> Source:
        """The environment's test source, made when there is none; the caller was found to be an engineer there."""
        found = store.test_source(tx, environment.id)
        if found is not None:
            return found
        made = Source(ids.new_id(), environment.id, environment.flag, TEST_SOURCE, is_test=True)
        store.insert(tx, made, self._clock.now_ms())
        environments.bump(tx, environment.id)
        self._record(tx, caller, CREATED, made, {"after": made.shown()})
        return made

    async def _to_change(self, caller: Caller, source_id: str) -> Source:
        found = await self._db.read(lambda tx: store.get(tx, source_id))
        access.require_environment(caller, found.environment_id, access.ENGINEER, "source")
        return found

    def _require_unused(self, tx: Tx, source_id: str, to: str) -> None:
        """Raise Conflict while subscriptions use it.

        Called behind `bump`: its row lock makes a subscription that is being created wait for us, or us for it.
        """
        count = len(self._subscribed(tx, source_id))
        if count:
            detail = f"{count} subscription(s) use this source; delete them, and it can {to}."
            raise Conflict(detail, code="source_in_use")

    def _record(self, tx: Tx, caller: Caller, type_: str, source: Source, details: dict[str, Any]) -> None:
        organization_id = environments.get(tx, source.environment_id).organization_id
        audit.record(
            tx, caller, type_,
            organization_id=organization_id, environment_id=source.environment_id,
            details={"id": source.id, **details}, now_ms=self._clock.now_ms(),
        )  # fmt: skip
