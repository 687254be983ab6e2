"""What did I miss: a destination's logs in sequence order over HTTP (ours), for operators and for its own side."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from starlette.responses import Response

from waypost.access import require_member
from waypost.clock import iso
from waypost.db.database import Database, Tx
from waypost.destinations import store as destinations
from waypost.errors import NotFound
from waypost.logs import store
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.callers import AnyCaller
from waypost.web.routes.envelope import Envelope, answer

MOST_SEQUENCE = 2**63 - 1


class DeliveryShown(Shown):
    """A log by its place in the order; `state` is pending, delivered, filtered, skipped or parked."""

    sequence: int
    logId: str
    state: str
    replayOf: str | None
    dataModel: str
    eventType: str
    source: dict[str, str]
    attempts: int
    acceptedAt: str
    endedAt: str | None


class DeliveriesPayload(Shown):
    """A page of deliveries, in sequence order."""

    deliveries: list[DeliveryShown]


def router(db: Database) -> APIRouter:
    """The route of deliveries."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Destinations"])

    @routes.get(
        "/destinations/{destinationId}/deliveries",
        operation_id="getDeliveries",
        summary="Get a destination's deliveries behind a sequence number",
        response_model=Envelope[DeliveriesPayload],
        responses=problems_of(400, 401, 404, 429, 503),
    )
    async def list_(
        caller: AnyCaller,
        destinationId: str,
        after: Annotated[int, Query(ge=0, le=MOST_SEQUENCE)] = 0,
        count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50,
    ) -> Response:
        def read(tx: Tx) -> list[sa.Row[Any]]:
            environment_id = destinations.environment_of(tx, destinationId)
            if environment_id is None:
                raise NotFound("destination")
            require_member(caller, environment_id, "destination")
            return store.behind(tx, destinations.get(tx, destinationId).id, after=after, count=count)

        found = await db.read(read)
        shown = [_shown(log) for log in found[:count]]
        last = shown[-1]["sequence"] if shown else after
        page = {"pageType": "sequence", "pageSize": count, "nextAfter": last, "more": len(found) > count}
        return answer({"deliveries": shown}, meta={"page": page})

    return routes


def _shown(log: sa.Row[Any]) -> dict[str, Any]:
    return {
        "sequence": log.seq,
        "logId": log.id,
        "state": log.state,
        "replayOf": log.replay_of,
        "dataModel": log.data_model,
        "eventType": log.event_type,
        "source": {"id": log.source_id},
        "attempts": log.attempts,
        "acceptedAt": iso(log.accepted_at),
        "endedAt": None if log.ended_at is None else iso(log.ended_at),
    }
