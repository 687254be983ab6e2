"""The vendor's one operation on audit events, for owners and admins of an organization."""

import json
import re
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from waypost import access
from waypost.audit import store
from waypost.audit.store import EventQuery
from waypost.clock import from_iso, iso
from waypost.db.database import Database
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import answer
from waypost.web.routes.paging import PagedMeta, WantedPage
from waypost.web.routes.paths import OrganizationId

MOST_TYPES = 50
_OFFSET = re.compile(r" (\d\d:?\d\d)$")


class AuditEvent(Shown):
    """One act; `details` depends on its type."""

    id: str
    organizationId: int
    userId: int | None
    requestIp: str
    route: str
    createdAt: str
    type: str
    status: str
    details: dict[str, Any]


class AuditEvents(Shown):
    """A page of events, newest first."""

    results: list[AuditEvent]


class AuditEventsAnswer(Shown):
    """The envelope with the place of the page in `meta`."""

    meta: PagedMeta
    payload: AuditEvents


def _moment(text: str) -> int:
    # A plus sign that was not escaped comes as a space; the list itself shows times with one.
    try:
        return from_iso(_OFFSET.sub(r"+\1", text) if "T" in text else text)
    except (ValueError, OverflowError):
        raise PydanticCustomError("invalid_date_time", "Give an ISO 8601 date-time.") from None


DateTime = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def router(db: Database) -> APIRouter:
    """The route of audit events."""
    routes = APIRouter(prefix="/platform/v1", tags=["Audit"])

    @routes.get(
        "/organizations/{organizationId}/audit-events",
        operation_id="getAuditEvents",
        summary="Get audit events",
        response_model=AuditEventsAnswer,
        responses=problems_of(400, 401, 403, 404, 429),
    )
    async def get_audit_events(
        caller: UserCaller,
        organization_id: OrganizationId,
        page: WantedPage,
        user_id: Annotated[int | None, Query(alias="userId", ge=0, lt=2**63)] = None,
        start: Annotated[DateTime | None, Query(alias="startDateTime")] = None,
        stop: Annotated[DateTime | None, Query(alias="stopDateTime")] = None,
        status: Annotated[Word | None, Query()] = None,
        types: Annotated[list[Word] | None, Query(alias="actionType", max_length=MOST_TYPES)] = None,
    ) -> Response:
        access.require_organization(caller, organization_id, access.OWNER_OR_ADMIN)
        wanted = EventQuery(user_id, start, stop, status, tuple(types or ()))

        def read(tx: sa.Connection) -> tuple[int, list[sa.RowMapping]]:
            found = store.page(tx, organization_id, wanted, offset=page.offset, count=page.size)
            return store.total(tx, organization_id, wanted), found

        total, events = await db.read(read)
        return answer({"results": [_shown(event) for event in events]}, meta=page.meta(total))

    return routes


def _shown(event: sa.RowMapping) -> dict[str, Any]:
    details = {"environmentId": event["environment_id"], "requestId": event["request_id"]}
    return {
        "id": event["id"],
        "organizationId": event["organization_id"],
        "userId": event["user_id"],
        "requestIp": event["request_ip"],
        "route": event["route"],
        "createdAt": iso(event["created_at"]).replace("Z", "+00:00"),  # the vendor's form, in this list alone
        "type": event["type"],
        "status": event["status"],
        "details": {**details, "clientId": event["client_id"], **json.loads(event["details"])},
    }
