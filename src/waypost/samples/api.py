"""How HTTP says it: the vendor's Run dataset tester."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from waypost.samples.model import SampleSend
from waypost.samples.service import Samples
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer


class SentShown(Shown):
    """Which source the data set came from, where it went, and the data models of its messages."""

    sourceId: str
    destinationId: str
    dataModels: list[str]


def router(samples: Samples) -> APIRouter:
    """The route of sample data sets."""
    routes = APIRouter(tags=["Destinations"])

    @routes.post(
        "/platform/v1/destinations/{destinationId}/sendSampleDataset",
        operation_id="sendSampleDataset",
        summary="Run dataset tester",
        response_model=Envelope[SentShown],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def send(
        caller: UserCaller, destinationId: str, raw: Annotated[Any, Depends(JsonBody(SampleSend))]
    ) -> Response:
        sent = await samples.send(caller, destinationId, raw)
        shown = {
            "sourceId": sent.source_id,
            "destinationId": sent.destination_id,
            "dataModels": sent.data_models,
        }
        return answer(shown)

    return routes
