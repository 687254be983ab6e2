"""Routes of sources: the vendor's five operations."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from waypost.sources.model import DataFormat, ServiceRegion, SourceCreate, SourcePatch, SourceSetupState
from waypost.sources.service import Sources
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, EnvironmentShown, Message, answer
from waypost.web.routes.paths import EnvironmentId

SourceId = Annotated[str, Path(alias="sourceId")]


class SourceShown(Shown):
    """A source; `setupState` is null when it is finished."""

    id: str
    name: str
    environment: EnvironmentShown
    serviceRegion: ServiceRegion | None = None
    dataFormat: DataFormat | None = None
    ehr: str | None = None
    timeZone: str | None = None
    setupState: SourceSetupState | None


class OneSource(Shown):
    """Payload of one source."""

    source: SourceShown


class ManySources(Shown):
    """Payload of a list."""

    sources: list[SourceShown]


def router(service: Sources) -> APIRouter:
    """The routes, on this service."""
    routes = APIRouter(prefix="/platform/v1", tags=["Sources"])

    @routes.get(
        "/environments/{environmentId}/sources", operation_id="getSources", summary="Get sources",
        response_model=Envelope[ManySources], responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def list_(caller: UserCaller, environment_id: EnvironmentId) -> Response:
        found = await service.list(caller, environment_id)
        return answer({"sources": [source.shown() for source in found]})

    @routes.post(
        "/environments/{environmentId}/sources", operation_id="createSource", summary="Create source",
        status_code=201, response_model=Envelope[OneSource],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )  # fmt: skip
    async def create(
        caller: UserCaller, environment_id: EnvironmentId, raw: Annotated[Any, Depends(JsonBody(SourceCreate))]
    ) -> Response:
        made = await service.create(caller, environment_id, raw)
        return answer({"source": made.shown()}, status=201)

    @routes.get(
        "/sources/{sourceId}", operation_id="getSource", summary="Get source",
        response_model=Envelope[OneSource], responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def get(caller: UserCaller, source_id: SourceId) -> Response:
        return answer({"source": (await service.get(caller, source_id)).shown()})

    @routes.patch(
        "/sources/{sourceId}", operation_id="updateSource", summary="Update source",
        description="Only supplied fields change.", response_model=Envelope[OneSource],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )  # fmt: skip
    async def update(
        caller: UserCaller, source_id: SourceId, raw: Annotated[Any, Depends(JsonBody(SourcePatch))]
    ) -> Response:
        return answer({"source": (await service.update(caller, source_id, raw)).shown()})

    @routes.delete(
        "/sources/{sourceId}", operation_id="deleteSource", summary="Delete source",
        description="Answers 409 while subscriptions use it.", response_model=Envelope[Message],
        responses=problems_of(401, 403, 404, 409, 429, 503),
    )  # fmt: skip
    async def delete(caller: UserCaller, source_id: SourceId) -> Response:
        await service.delete(caller, source_id)
        return answer({"message": "The source is deleted."})

    return routes
