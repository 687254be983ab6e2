"""Logs over HTTP: the vendor's metadata search and get log. Metadata only; bodies stay sealed."""

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from waypost.access import ANY_ROLE, OrganizationRole, require_environment, require_organization
from waypost.clock import from_iso, iso
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import NotFound
from waypost.logs import store
from waypost.subscriptions.model import model_key
from waypost.validation import Body, checked
from waypost.web import cursor as cursors
from waypost.web.body import JsonBody
from waypost.web.callers import UserCaller
from waypost.web.envelope import Envelope, answer
from waypost.web.openapi import problems_of
from waypost.web.paths import OrganizationId

ANY_ORGANIZATION_ROLE = frozenset(OrganizationRole)


def _time(value: str) -> str:
    try:
        from_iso(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError("invalid_time", "This must be an ISO 8601 date-time.") from None
    return value


Time = Annotated[str, AfterValidator(_time)]


class MetadataSearch(Body):
    """Body of Search metadata; every field narrows the search."""

    dataModel: str | None = None
    eventType: str | None = None
    sourceId: str | None = None
    destinationId: str | None = None
    facilityCode: str | None = None
    type: str | None = None
    status: Literal["succeeded", "failed", "filtered", "pending"] | None = None
    createdAfter: Time | None = None
    createdBefore: Time | None = None
    updatedAfter: Time | None = None
    updatedBefore: Time | None = None
    serviceRegion: Literal["AWS_USA_EAST_1", "AWS_CAN_CENTRAL", "GCP_USA_CENTRAL_1"] | None = None
    dataMode: Literal["realtime", "backfill"] = "realtime"

    def filters(self) -> store.Search:
        """The search in the store's terms."""
        states = tuple(state for state, word in store.VENDOR_STATUS.items() if word == self.status)

        def at(text: str | None) -> int | None:
            return None if text is None else from_iso(text)

        return store.Search(
            data_model_key=None if self.dataModel is None else model_key(self.dataModel),
            event_type=self.eventType,
            source_id=self.sourceId and self.sourceId.lower(),
            destination_id=self.destinationId and self.destinationId.lower(),
            facility_code=self.facilityCode,
            states=states,
            created_after=at(self.createdAfter),
            created_before=at(self.createdBefore),
            updated_after=at(self.updatedAfter),
            updated_before=at(self.updatedBefore),
        )

    @property
    def finds_nothing(self) -> bool:
        """Whether no log of ours can match: ours are of type `receive` and came in real time."""
        return self.dataMode != "realtime" or (self.type or LOG_TYPE).lower() != LOG_TYPE


LOG_TYPE = "receive"
"""The vendor's word for a one-way log towards a destination."""


class AttemptShown(BaseModel):
    """The newest attempt."""

    id: str
    attemptAt: str
    status: str
    operations: list[Any]


class AttemptsShown(BaseModel):
    """How often it was tried."""

    total: int
    latest: AttemptShown | None


class LogShown(BaseModel):
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


class LogPayload(BaseModel):
    """One log."""

    result: LogShown


class LogsPayload(BaseModel):
    """A page of logs, newest first."""

    results: list[LogShown]


def router(db: Database) -> APIRouter:
    """The routes of logs."""
    routes = APIRouter(tags=["Logs"])

    @routes.post(
        "/platform/v1/environments/{environmentId}/logs/search/metadata",
        operation_id="searchMetadata",
        summary="Search metadata",
        response_model=Envelope[LogsPayload],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )
    async def search(
        caller: UserCaller,
        environmentId: str,
        raw: Annotated[Any, Depends(JsonBody(MetadataSearch, required=False))],
        cursor: Annotated[str | None, Query(alias="_cursor", max_length=512)] = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=50)] = 50,
    ) -> Response:
        require_environment(caller, environmentId, ANY_ROLE)
        wanted, before = checked(MetadataSearch, raw), cursors.read(cursor)

        def read(tx: Tx) -> tuple[list[dict[str, Any]], str | None]:
            if wanted.finds_nothing:
                return [], None
            found = store.page(tx, environmentId, wanted.filters(), before=before, count=count)
            last = found[count - 1] if len(found) > count else None
            following = None if last is None else cursors.write((last.accepted_at, last.id))
            return _shown(tx, found[:count]), following

        shown, following = await db.read(read)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if following is not None:
            page["nextCursor"] = following
        return answer({"results": shown}, meta={"page": page})

    @routes.get(
        "/platform/v1/organizations/{organizationId}/logs/{logId}",
        operation_id="getLog",
        summary="Get log by id",
        response_model=Envelope[LogPayload],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def get(
        caller: UserCaller,
        organizationId: OrganizationId,
        logId: str,
        dataMode: Literal["realtime", "backfill"] = "realtime",
    ) -> Response:
        require_organization(caller, organizationId, ANY_ORGANIZATION_ROLE)

        def read(tx: Tx) -> dict[str, Any]:
            found = store.get(tx, logId.lower())
            if found is None or dataMode != "realtime":
                raise NotFound("log")
            require_environment(caller, found.environment_id, ANY_ROLE, "log")
            if environments.get(tx, found.environment_id).organization_id != organizationId:
                raise NotFound("log")
            return _shown(tx, [found])[0]

        return answer({"result": await db.read(read)})

    return routes


def _shown(tx: Tx, logs: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    names = store.names(tx, {log.source_id for log in logs}, {log.destination_id for log in logs})
    latest = store.latest_attempts(tx, [log.id for log in logs])
    return [_one(log, names, latest.get(log.id)) for log in logs]


def _one(log: sa.Row[Any], names: dict[str, str], newest: sa.Row[Any] | None) -> dict[str, Any]:
    status = store.VENDOR_STATUS[store.State(log.state)]
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
