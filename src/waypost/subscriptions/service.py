"""What can be done with subscriptions: engineers of the environment change them, every role reads them."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from waypost import access, ids
from waypost.access import Caller
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid, NotFound
from waypost.quotas import store as quotas
from waypost.sources import store as sources
from waypost.sources.model import Source
from waypost.subscriptions import store
from waypost.subscriptions.model import (
    IMMUTABLE,
    Subscription,
    SubscriptionCreate,
    SubscriptionDelete,
    SubscriptionPatch,
    SubscriptionQuery,
)
from waypost.validation import checked, checked_patch
from waypost.vault.vault import Vault

CREATED = "subscription-created"


class Subscriptions:
    """The use cases.

    The queues are the engine's, which gives five functions that run in the transaction of the change: `pending`
    counts a subscription's messages that have not ended, `skip_all` ends them, `opened` and `closed` hear of a new
    subscription and of a deleted one, `counted` gives a destination's last sequence number and lets none be taken.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        *,
        pending: Callable[[Tx, str], int],
        skip_all: Callable[[Tx, str, int, str], int],
        opened: Callable[[Tx, Subscription], None],
        closed: Callable[[Tx, str, int], None],
        counted: Callable[[Tx, str], int],
    ) -> None:
        self._db = db
        self._vault = vault
        self._counted = counted
        self._clock = clock
        self._pending = pending
        self._skip_all = skip_all
        self._opened = opened
        self._closed = closed

    async def list(
        self, caller: Caller, environment_id: str, wanted: SubscriptionQuery, *, offset: int, count: int
    ) -> tuple[Sequence[Subscription], int]:
        """One page of the environment's subscriptions, and how many there are in all. Raises NotFound."""
        access.require_environment(caller, environment_id, access.ANY_ROLE)

        def find(tx: Tx) -> tuple[Sequence[Subscription], int]:
            environment = environments.get(tx, environment_id)
            if not wanted.organizations <= {environment.organization_id}:
                return [], 0
            return store.page(tx, environment_id, wanted, offset=offset, count=count)

        return await self._db.read(find)

    async def get(self, caller: Caller, subscription_id: str) -> Subscription:
        """One subscription. Raises NotFound."""
        found = await self._db.read(lambda tx: store.get(tx, subscription_id))
        access.require_environment(caller, found.environment_id, access.ANY_ROLE, "subscription")
        return found

    async def create(self, caller: Caller, environment_id: str, raw: Any) -> Subscription:
        """A new subscription with an empty queue. Raises NotFound, Forbidden, Invalid, Conflict."""
        access.require_environment(caller, environment_id, access.ENGINEER)
        body = checked(SubscriptionCreate, raw)

        def insert(tx: Tx) -> Subscription:
            environment = environments.get(tx, environment_id)
            environments.bump(tx, environment_id)  # its row lock: neither end can be deleted meanwhile
            _require_ends(tx, environment, body)
            quotas.require(tx, environment_id, "subscriptions", store.count_of)
            made = Subscription(
                ids.new_id(), environment_id, environment.flag, body.source.id, body.destination.id, body.dataModel
            )
            store.insert(tx, made, self._clock.now_ms())
            self._opened(tx, made)
            self._record(tx, caller, CREATED, made, {"after": made.shown_whole()})
            return made

        return await self._db.write(insert)

    def between(
        self,
        tx: Tx,
        caller: Caller,
        environment: Environment,
        source_id: str,
        destination_id: str,
        data_model: str,
    ) -> Subscription:
        """The subscription that joins these two, made when there is none; the caller is an engineer by now."""
        found = store.between(tx, source_id, destination_id, data_model)
        if found is not None:
            return found
        environments.bump(tx, environment.id)
        quotas.require(tx, environment.id, "subscriptions", store.count_of)
        made = Subscription(ids.new_id(), environment.id, environment.flag, source_id, destination_id, data_model)
        store.insert(tx, made, self._clock.now_ms())
        self._opened(tx, made)
        self._record(tx, caller, CREATED, made, {"after": made.shown_whole()})
        return made

    async def update(self, caller: Caller, subscription_id: str, raw: Any) -> Subscription:
        """The subscription with what was given changed; other child queues begin behind what is queued.

        Raises NotFound, Forbidden, Invalid.
        """
        current = await self._to_change(caller, subscription_id)
        body = checked_patch(SubscriptionPatch, raw, current.shown_whole(), immutable=IMMUTABLE)
        given = body.model_dump(include={"childQueues", "park"}, exclude_unset=True, mode="json")
        await self._vault.prepare(current.environment_id)

        def change(tx: Tx) -> Subscription:
            before = store.get(tx, subscription_id)
            after = replace(before, park=given.get("park", before.park))
            rule = given.get("childQueues", before.child_queues)
            if rule != before.child_queues:
                after = self._next_generation(tx, after, rule)
            if after != before:
                environments.bump(tx, before.environment_id)
                store.update(tx, after)
                shown = {"before": before.shown_whole(), "after": after.shown_whole()}
                self._record(tx, caller, "subscription-updated", after, shown)
            return after

        return await self._db.write(change)

    async def delete(self, caller: Caller, subscription_id: str, raw: Any) -> int:
        """Take a subscription away; how many pending messages ended skipped.

        Raises NotFound, Forbidden, Invalid, and Conflict while messages are pending and no reason is given.
        """
        await self._to_change(caller, subscription_id)
        reason = checked(SubscriptionDelete, raw).reason

        def remove(tx: Tx) -> int:
            now_ms = self._clock.now_ms()
            before = store.get(tx, subscription_id)
            environments.bump(tx, before.environment_id)
            skipped = self._give_up(tx, subscription_id, now_ms, reason)
            self._closed(tx, subscription_id, now_ms)
            store.delete(tx, subscription_id, now_ms)
            details = {"before": before.shown_whole(), "reason": reason, "skipped": skipped}
            self._record(tx, caller, "subscription-deleted", before, details)
            return skipped

        return await self._db.write(remove)

    def _next_generation(self, tx: Tx, before: Subscription, rule: dict[str, Any] | None) -> Subscription:
        """Other child queues, or none, for what comes from now on."""
        key = before.child_key or self._vault.seal(
            before.environment_id, secrets.token_bytes(32), table="subscription", row=before.id
        )
        since = self._counted(tx, before.destination_id)
        generation = before.generation + 1
        return replace(before, child_queues=rule, generation=generation, since=since, child_key=key)

    async def _to_change(self, caller: Caller, subscription_id: str) -> Subscription:
        found = await self._db.read(lambda tx: store.get(tx, subscription_id))
        access.require_environment(caller, found.environment_id, access.ENGINEER, "subscription")
        return found

    def _give_up(self, tx: Tx, subscription_id: str, now_ms: int, reason: str | None) -> int:
        """End what is pending, for that reason; how many there were. Raises Conflict without one."""
        count = self._pending(tx, subscription_id)
        if not count:
            return 0
        if reason is None:
            detail = f"{count} message(s) are pending here. Let them be delivered, or give a reason to skip them."
            raise Conflict(detail, code="messages_pending")
        return self._skip_all(tx, subscription_id, now_ms, reason)

    def _record(self, tx: Tx, caller: Caller, type_: str, made: Subscription, details: dict[str, Any]) -> None:
        organization_id = environments.get(tx, made.environment_id).organization_id
        audit.record(
            tx, caller, type_,
            organization_id=organization_id, environment_id=made.environment_id,
            details={"id": made.id, **details}, now_ms=self._clock.now_ms(),
        )  # fmt: skip


def _require_ends(tx: Tx, environment: Environment, body: SubscriptionCreate) -> None:
    """Raise Invalid for an end of elsewhere, Conflict for an unfinished one and for a second subscription."""
    ends = {
        "source": _end(sources.get, tx, body.source.id, environment.id),
        "destination": _end(destinations.get, tx, body.destination.id, environment.id),
    }
    faults = [
        Fault(f"/{name}/id", "not_found", f"There is no such {name} in this environment.")
        for name, end in ends.items()
        if end is None
    ]
    if faults:
        raise Invalid(faults)
    for name, end in ends.items():
        if end is not None and end.setup_state is not None:
            raise Conflict(f"The {name} is still being set up; finish that first.", code="not_configured")
    if store.exists(tx, body.source.id, body.destination.id, body.dataModel):
        detail = "There is a subscription of this data model between this source and this destination already."
        raise Conflict(detail, code="already_subscribed")


def _end(
    get: Callable[[Tx, str], Source | Destination], tx: Tx, end_id: str, environment_id: str
) -> Source | Destination | None:
    """The source or destination, where it is of this environment."""
    try:
        found = get(tx, end_id)
    except NotFound:
        return None
    return found if found.environment_id == environment_id else None
