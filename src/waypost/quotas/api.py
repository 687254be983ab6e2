"""Quotas over HTTP, to look at; ours."""

from fastapi import APIRouter
from starlette.responses import Response

from waypost.quotas.service import EnvironmentQuotas
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer


class QuotasShown(Shown):
    """The most of each; null where nothing is bounded."""

    messagesPerSecond: int | None
    pendingLogs: int | None
    destinations: int | None
    subscriptions: int | None


class QuotasPayload(Shown):
    """An environment's quotas (ours)."""

    quotas: QuotasShown


def router(quotas: EnvironmentQuotas) -> APIRouter:
    """The route of quotas."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Environments"])

    @routes.get(
        "/environments/{environmentId}/quotas",
        operation_id="getQuotas",
        summary="Get an environment's quotas",
        response_model=Envelope[QuotasPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, environmentId: str) -> Response:
        return answer({"quotas": (await quotas.get(caller, environmentId)).shown()})

    return routes
