"""Queues as operators see them: held ones first, each with its reason in words (ours)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.clock import iso
from waypost.db.database import Database, Tx
from waypost.errors import NotFound
from waypost.queues import store
from waypost.queues.model import QueueView, State
from waypost.web import cursor as cursors
from waypost.web.callers import UserCaller
from waypost.web.envelope import Envelope, answer
from waypost.web.openapi import problems_of

_STATES = {State.idle: "idle", State.ready: "delivering", State.held: "held", State.paused: "paused"}


class HeadShown(BaseModel):
    """The message at the head."""

    logId: str | None
    attempts: int
    nextAttemptAt: str | None


class QueueShown(BaseModel):
    """A queue; `reason` is in our words and ends with the last status where there was one."""

    queueId: str
    subscription: dict[str, str]
    destination: dict[str, str]
    state: str
    reason: str | None
    lastStatus: int | None
    heldSince: str | None
    depth: int
    oldestAcceptedAt: str | None
    head: HeadShown | None


class QueuePayload(BaseModel):
    """One queue."""

    queue: QueueShown


class QueuesPayload(BaseModel):
    """A page of queues."""

    queues: list[QueueShown]


def router(db: Database) -> APIRouter:
    """The routes of queues."""
    routes = APIRouter(tags=["Queues"])

    @routes.get(
        "/waypost/v1/environments/{environmentId}/queues",
        operation_id="getQueues",
        summary="Get queues, held ones first",
        response_model=Envelope[QueuesPayload],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def list_(
        caller: UserCaller,
        environmentId: str,
        cursor: Annotated[str | None, Query(alias="_cursor", max_length=512)] = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50,
    ) -> Response:
        require_environment(caller, environmentId, ANY_ROLE)
        after = cursors.read(cursor)
        found = await db.read(lambda tx: store.page(tx, environmentId, after=after, count=count))
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if len(found) > count:
            page["nextCursor"] = cursors.write(found[count - 1][0])
        shown = [_shown(queue) for _, queue in found[:count]]
        return answer({"queues": shown}, meta={"page": page})

    @routes.get(
        "/waypost/v1/queues/{queueId}",
        operation_id="getQueue",
        summary="Get a queue",
        response_model=Envelope[QueuePayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, queueId: str) -> Response:
        def read(tx: Tx) -> QueueView:
            found = store.get(tx, queueId)
            if found is None:
                raise NotFound("queue")
            require_environment(caller, found.environment_id, ANY_ROLE, "queue")
            return found

        return answer({"queue": _shown(await db.read(read))})

    return routes


def _shown(queue: QueueView) -> dict[str, Any]:
    head = None
    if queue.head_log_id is not None:
        at = None if queue.next_attempt_at is None else iso(queue.next_attempt_at)
        head = {"logId": queue.head_log_id, "attempts": queue.attempts, "nextAttemptAt": at}
    return {
        "queueId": queue.queue_id,
        "subscription": {"id": queue.subscription_id},
        "destination": {"id": queue.destination_id},
        "state": _STATES[queue.state],
        "reason": queue.reason,
        "lastStatus": queue.last_status,
        "heldSince": None if queue.held_since is None else iso(queue.held_since),
        "depth": queue.depth,
        "oldestAcceptedAt": None if queue.oldest_accepted_at is None else iso(queue.oldest_accepted_at),
        "head": head,
    }
