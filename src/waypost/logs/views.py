"""A log as the API shows it: metadata only, with its newest attempt."""

from typing import Any

import sqlalchemy as sa

from waypost.clock import iso
from waypost.db.database import Tx
from waypost.logs import store
from waypost.logs.search import LOG_TYPE
from waypost.validation import Shown


class AttemptShown(Shown):
    """The newest attempt."""

    id: str
    attemptAt: str
    status: str
    operations: list[Any]


class AttemptsShown(Shown):
    """How often it was tried."""

    total: int
    latest: AttemptShown | None


class LogShown(Shown):
    """A log as the vendor shows it; `sequence`, `subscription` and `replayOf` are ours."""

    id: str
    createdAt: str
    updatedAt: str
    dataModel: str
    eventType: str
    facilityCode: str | None
    status: str
    type: str
    source: dict[str, str]
    destination: dict[str, str]
    subscription: dict[str, str]
    environment: dict[str, str]
    sequence: int
    replayOf: str | None
    attempts: AttemptsShown


class LogsPayload(Shown):
    """A page of logs, newest first."""

    results: list[LogShown]


def shown(tx: Tx, logs: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    """These logs as the API shows them, in their order."""
    names = store.names(tx, {log.source_id for log in logs}, {log.destination_id for log in logs})
    latest = store.latest_attempts(tx, [log.id for log in logs])
    return [_one(log, names, latest.get(log.id)) for log in logs]


def _one(log: sa.Row[Any], names: dict[str, str], newest: sa.Row[Any] | None) -> dict[str, Any]:
    status = store.VENDOR_STATUS[store.LogState(log.state)]
    attempt = None
    if newest is not None:
        ended = "succeeded" if newest.outcome == "delivered" else "failed"
        attempt = {"id": newest.id, "attemptAt": iso(newest.started_at), "status": ended, "operations": []}
    return {
        "id": log.id,
        "createdAt": iso(log.accepted_at),
        "updatedAt": iso(log.updated_at),
        "dataModel": log.data_model,
        "eventType": log.event_type,
        "facilityCode": log.facility_code,
        "status": status,
        "type": LOG_TYPE,
        "source": {"id": log.source_id, "name": names.get(log.source_id, "")},
        "destination": {"id": log.destination_id, "name": names.get(log.destination_id, "")},
        "subscription": {"id": log.subscription_id},
        "environment": {"id": log.environment_id},
        "sequence": log.seq,
        "replayOf": log.replay_of,
        "attempts": {"total": log.attempts, "latest": attempt},
    }
