"""Refused requests in the audit trail, rate-bounded: a flood of them must not become a flood of events."""

from collections.abc import Mapping

import sqlalchemy as sa
from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from waypost.access import Caller, User
from waypost.audit import store
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.errors import Forbidden, Unavailable

MOST_A_MINUTE = 10


class Refusals:
    """Records what callers were refused, at most ten a minute and caller."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerMinute(MOST_A_MINUTE)

    async def record(self, request: Request, error: Forbidden) -> None:
        """One event in each organization of the caller; none for a caller that is not a user."""
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None or not isinstance(caller.principal, User):
            return
        if not self._limiter.hit(self._item, caller.principal.client_id, str(caller.principal.id)):
            return
        organizations = caller.principal.organizations
        details = {"detail": error.detail}
        try:
            await self._db.write(lambda tx: _record(tx, caller, organizations, details, self._clock.now_ms()))
        except Unavailable:
            return  # the refusal stands without its event: nothing was done that must be proved


def _record(
    tx: sa.Connection, caller: Caller, organizations: Mapping[int, object], details: dict[str, str], now_ms: int
) -> None:
    for organization_id in organizations:
        store.record(
            tx,
            caller,
            "request-refused",
            organization_id=organization_id,
            details=details,
            status="refused",
            now_ms=now_ms,
        )
