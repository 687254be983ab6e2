"""Logs over HTTP: the vendor's metadata search and get log. Metadata only; bodies stay sealed."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from waypost.access import ANY_ROLE, OrganizationRole, require_environment, require_organization
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import NotFound
from waypost.logs import store
from waypost.logs.search import MetadataSearch
from waypost.logs.views import LogShown, LogsPayload, shown
from waypost.validation import Shown, checked
from waypost.web.document.openapi import problems_of
from waypost.web.routes import cursor as cursors
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer
from waypost.web.routes.paths import OrganizationId

ANY_ORGANIZATION_ROLE = frozenset(OrganizationRole)


class LogPayload(Shown):
    """One log."""

    result: LogShown


def router(db: Database) -> APIRouter:
    """The routes of logs."""
    routes = APIRouter(tags=["Logs"])
    _add_search(routes, db)
    _add_get(routes, db)
    return routes


def _add_search(routes: APIRouter, db: Database) -> None:
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
            return shown(tx, found[:count]), following

        results, following = await db.read(read)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if following is not None:
            page["nextCursor"] = following
        return answer({"results": results}, meta={"page": page})


def _add_get(routes: APIRouter, db: Database) -> None:
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
            return shown(tx, [found])[0]

        return answer({"result": await db.read(read)})
