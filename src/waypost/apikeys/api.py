"""Routes of OAuth API keys: the vendor's five operations."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from waypost.apikeys.keyset import JwkSet
from waypost.apikeys.model import ApiKeyCreate, ApiKeyPatch
from waypost.apikeys.service import ApiKeys
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, EnvironmentShown, Message, answer
from waypost.web.routes.paths import EnvironmentId

TAG = "OAuth API keys"

ApiKeyId = Annotated[str, Path(alias="apikeyId", description="The client id.")]


class ApiKeyShown(Shown):
    """An OAuth API key; `id` is the client id."""

    name: str
    jwksURL: str | None = None
    jwkSet: JwkSet | None = None
    id: str
    environment: EnvironmentShown


class OneApiKey(Shown):
    """Payload of one key."""

    apikey: ApiKeyShown


class ManyApiKeys(Shown):
    """Payload of a list."""

    apikeys: list[ApiKeyShown]


def router(service: ApiKeys) -> APIRouter:
    """The routes, on this service."""
    routes = APIRouter(prefix="/platform/v1", tags=[TAG])

    @routes.get(
        "/environments/{environmentId}/apikeys", operation_id="getApiKeys", summary="Get OAuth API keys",
        response_model=Envelope[ManyApiKeys], responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def list_(caller: UserCaller, environment_id: EnvironmentId) -> Response:
        found = await service.list(caller, environment_id)
        return answer({"apikeys": [key.shown() for key in found]})

    @routes.post(
        "/environments/{environmentId}/apikeys", operation_id="createApiKey", summary="Create OAuth API key",
        status_code=201, response_model=Envelope[OneApiKey],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )  # fmt: skip
    async def create(
        caller: UserCaller, environment_id: EnvironmentId, raw: Annotated[Any, Depends(JsonBody(ApiKeyCreate))]
    ) -> Response:
        made = await service.create(caller, environment_id, raw)
        return answer({"apikey": made.shown()}, status=201)

    @routes.get(
        "/apikeys/{apikeyId}", operation_id="getApiKey", summary="Get OAuth API key",
        response_model=Envelope[OneApiKey], responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def get(caller: UserCaller, apikey_id: ApiKeyId) -> Response:
        return answer({"apikey": (await service.get(caller, apikey_id)).shown()})

    @routes.patch(
        "/apikeys/{apikeyId}", operation_id="updateApiKey", summary="Update OAuth API key",
        description="Only supplied fields change.", response_model=Envelope[OneApiKey],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )  # fmt: skip
    async def update(
        caller: UserCaller, apikey_id: ApiKeyId, raw: Annotated[Any, Depends(JsonBody(ApiKeyPatch))]
    ) -> Response:
        return answer({"apikey": (await service.update(caller, apikey_id, raw)).shown()})

    @routes.delete(
        "/apikeys/{apikeyId}", operation_id="deleteApiKey", summary="Delete OAuth API key",
        description="Irreversible: its tokens are refused from then on.", response_model=Envelope[Message],
        responses=problems_of(401, 403, 404, 429, 503),
    )  # fmt: skip
    async def delete(caller: UserCaller, apikey_id: ApiKeyId) -> Response:
        await service.delete(caller, apikey_id)
        return answer({"message": "The API key is deleted."})

    return routes
