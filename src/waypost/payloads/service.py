"""What engineer and support may see of a log: the message as it was accepted, and every attempt with its answer.

The audit event is durable before anything opened leaves this room.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost.access import ENGINEER_OR_SUPPORT, Caller, require_environment
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import NotFound
from waypost.logs import store as logs
from waypost.payloads import store
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that ended; `answer` is the opened excerpt, `unopened` says why there is none to show."""

    id: str
    started_at: int
    ended_at: int
    outcome: str
    status: int | None
    reason: str | None
    answer: bytes | None
    unopened: str | None


class Payloads:
    """The bodies of every environment."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    async def view(self, caller: Caller, log_id: str) -> bytes:
        """The message of a log, byte for byte as it was accepted. Raises KeyUnavailable."""

        def read(tx: Tx) -> tuple[str, str, bytes]:
            found, environment_id = _in_reach(tx, caller, log_id)
            sealed = store.body_of(tx, found)
            if sealed is None:
                raise NotFound("payload of this log")
            message_id, body = sealed
            return found, environment_id, self._vault.open(tx, body, table="message", row=message_id)

        found, environment_id, body = await self._db.read(read)
        await self._record(caller, "log-payload-viewed", found, environment_id)
        return body

    async def attempts(
        self, caller: Caller, log_id: str, *, before: tuple[int, str] | None, count: int
    ) -> list[Attempt]:
        """The attempts of a log, newest first; one more than `count` when there are more."""

        def read(tx: Tx) -> tuple[str, str, list[Attempt]]:
            found, environment_id = _in_reach(tx, caller, log_id)
            rows = logs.attempts_of(tx, found, before=before, count=count)
            return found, environment_id, [self._opened(tx, row) for row in rows]

        found, environment_id, attempts = await self._db.read(read)
        await self._record(caller, "log-attempts-viewed", found, environment_id)
        return attempts

    def _opened(self, tx: Tx, row: sa.Row[Any]) -> Attempt:
        answer, unopened = None, None
        if row.answer is not None:
            try:
                answer = self._vault.open(tx, row.answer, table="attempt", row=row.id)
            except KeyUnavailable as error:
                unopened = error.detail
        return Attempt(row.id, row.started_at, row.ended_at, row.outcome, row.status, row.reason, answer, unopened)

    async def _record(self, caller: Caller, type_: str, log_id: str, environment_id: str) -> None:
        def write(tx: Tx) -> None:
            environment = environments.get(tx, environment_id)
            audit.record(
                tx,
                caller,
                type_,
                organization_id=environment.organization_id,
                environment_id=environment_id,
                details={"id": log_id},
                now_ms=self._clock.now_ms(),
            )

        await self._db.write(write)


def _in_reach(tx: Tx, caller: Caller, log_id: str) -> tuple[str, str]:
    """The log's id and environment. Raises NotFound, Forbidden."""
    found = logs.get(tx, log_id.lower())
    if found is None:
        raise NotFound("log")
    require_environment(caller, found.environment_id, ENGINEER_OR_SUPPORT, "log")
    return found.id, found.environment_id
