"""What can be done with egress lists: an owner of the organization sets them, whoever works there reads them."""

from collections.abc import Callable
from typing import Any

from waypost.access import ANY_ROLE, OWNER, Caller, directs, require_environment, require_organization
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy
from waypost.environments import store
from waypost.environments.model import EgressPut
from waypost.environments.store import Environment
from waypost.errors import Fault, Invalid
from waypost.validation import check


class EgressLists:
    """The egress list of each environment.

    A new list counts as a change of every destination there: `touch` moves their versions in the transaction and
    gives their ids, so that each node reads the list before its next attempt (invariant 5); `wake`, then,
    tries what waits.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        policy: Policy,
        *,
        touch: Callable[[Tx, str], list[str]],
        wake: Callable[[str], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy
        self._touch = touch
        self._wake = wake

    async def get(self, caller: Caller, environment_id: str) -> EgressList:
        """The list. Raises NotFound."""
        found = await self._db.read(lambda tx: store.get(tx, environment_id))
        if not directs(caller, found.organization_id):
            require_environment(caller, environment_id, ANY_ROLE)
        return found.egress

    async def put(self, caller: Caller, environment_id: str, raw: Any) -> EgressList:
        """Set the whole list. Raises NotFound, Forbidden, Invalid."""

        def change(tx: Tx) -> tuple[EgressList, list[str]]:
            before = store.get(tx, environment_id)
            require_organization(caller, before.organization_id, OWNER, "environment")
            listed = self._checked(raw)
            if listed == before.egress:
                return listed, []
            store.set_egress(tx, environment_id, listed)
            self._record(tx, caller, before, listed)
            return listed, self._touch(tx, environment_id)

        listed, destinations = await self._db.write(change)
        for destination_id in destinations:
            self._wake(destination_id)
        return listed

    def _checked(self, raw: Any) -> EgressList:
        given, faults = check(EgressPut, raw)
        if given is None:
            raise Invalid(faults)
        listed = given.listed()
        for place, network in enumerate(listed.cidrs):
            if (refused := self._policy.unlistable(network)) is not None:
                faults.append(Fault(f"/cidrs/{place}", *refused))
        if faults:
            raise Invalid(faults)
        return listed

    def _record(self, tx: Tx, caller: Caller, before: Environment, listed: EgressList) -> None:
        audit.record(
            tx, caller, "environment-egress-updated",
            organization_id=before.organization_id, environment_id=before.id,
            details={"id": before.id, "before": before.egress.shown(), "after": listed.shown()},
            now_ms=self._clock.now_ms(),
        )  # fmt: skip
