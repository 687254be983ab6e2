"""What can be done with quotas: the operator sets them, whoever works in the environment sees them."""

from typing import Any

from waypost.access import ANY_ROLE, Caller, Operator, directs, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Forbidden
from waypost.quotas import store
from waypost.quotas.meter import Meter
from waypost.quotas.model import Quotas, QuotasPatch
from waypost.validation import checked


class EnvironmentQuotas:
    """The quotas of each environment. A change counts on this node at once, on others at their next look."""

    def __init__(self, db: Database, clock: Clock, meter: Meter) -> None:
        self._db = db
        self._clock = clock
        self._meter = meter

    async def get(self, caller: Caller, environment_id: str) -> Quotas:
        """The quotas. Raises NotFound."""

        def read(tx: Tx) -> Quotas:
            environment = environments.get(tx, environment_id)
            if not directs(caller, environment.organization_id):
                require_environment(caller, environment_id, ANY_ROLE)
            return store.of(tx, environment_id)

        return await self._db.read(read)

    async def every(self) -> dict[str, Quotas]:
        """The quotas of each environment that has any; for the operator."""
        return await self._db.read(store.every)

    async def change(self, caller: Caller, environment_id: str, raw: Any) -> Quotas:
        """Set what is given. Raises NotFound, Forbidden, Invalid."""
        if not isinstance(caller.principal, Operator):
            raise Forbidden("Quotas are set by the operator, with the command line.")
        patch = checked(QuotasPatch, raw)

        def change(tx: Tx) -> Quotas:
            return put(tx, caller, environments.get(tx, environment_id), patch, self._clock.now_ms())

        changed = await self._db.write(change)
        await self._meter.look()
        return changed


def put(tx: Tx, caller: Caller, environment: Environment, patch: QuotasPatch, now_ms: int) -> Quotas:
    """Write the change, audited where it is one."""
    before = store.of(tx, environment.id)
    after = patch.over(before)
    if after != before:
        store.put(tx, environment.id, after)
        audit.record(
            tx, caller, "environment-quotas-updated",
            organization_id=environment.organization_id, environment_id=environment.id,
            details={"id": environment.id, "before": before.shown(), "after": after.shown()}, now_ms=now_ms,
        )  # fmt: skip
    return after
