"""Queues as operators see them: held ones first, each with its reason in words, and the verbs (ours)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from waypost.access import Caller
from waypost.clock import iso
from waypost.queues.figures import SHOWN, states_shown_as
from waypost.queues.model import Only, QueueView
from waypost.queues.service import Queues, QueueSkip
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes import cursor as cursors
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer


class HeadShown(Shown):
    """The message at the head."""

    logId: str | None
    attempts: int
    nextAttemptAt: str | None


class QueueShown(Shown):
    """A queue; `reason` is in our words, `lastStatus` what the endpoint answered last, if it did.

    A `childQueue` is one patient's, whom its id does not tell.
    """

    queueId: str
    childQueue: bool
    subscription: dict[str, str]
    destination: dict[str, str]
    state: str
    reason: str | None
    lastStatus: int | None
    heldSince: str | None
    depth: int
    oldestAcceptedAt: str | None
    head: HeadShown | None


class QueuePayload(Shown):
    """One queue."""

    queue: QueueShown


class QueuesPayload(Shown):
    """A page of queues."""

    queues: list[QueueShown]


Skip = Callable[[Caller, str, Any], Awaitable[QueueView]]


def router(queues: Queues, skip_head: Skip | None = None) -> APIRouter:
    """The routes of queues; `skip_head` is for a queue that may be another node's."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Queues"])
    _add_reads(routes, queues)
    _add_verb(routes, "pause", "Pause a queue: store, and send nothing", queues.pause)
    _add_verb(routes, "resume", "Resume a paused queue", queues.resume)
    _add_verb(routes, "retry", "Try a held queue now", queues.retry)

    @routes.post(
        "/queues/{queueId}/skip",
        operation_id="skipHead",
        summary="Skip the message at the head, with a reason",
        response_model=Envelope[QueuePayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503),
    )
    async def skip(
        caller: UserCaller, queueId: str, raw: Annotated[Any, Depends(JsonBody(QueueSkip))]
    ) -> Response:
        return answer({"queue": _shown(await (skip_head or queues.skip)(caller, queueId, raw))})

    return routes


def _add_reads(routes: APIRouter, queues: Queues) -> None:
    @routes.get(
        "/environments/{environmentId}/queues",
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
        state: Annotated[Literal["idle", "delivering", "held", "paused"] | None, Query()] = None,
        destinationId: Annotated[str | None, Query(max_length=64)] = None,
        subscriptionId: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        only = Only(
            states_shown_as(state),
            destinationId and destinationId.lower(),
            subscriptionId and subscriptionId.lower(),
        )
        found = await queues.page(caller, environmentId, after=cursors.read(cursor), count=count, only=only)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if len(found) > count:
            page["nextCursor"] = cursors.write(found[count - 1][0])
        return answer({"queues": [_shown(queue) for _, queue in found[:count]]}, meta={"page": page})

    @routes.get(
        "/queues/{queueId}",
        operation_id="getQueue",
        summary="Get a queue",
        response_model=Envelope[QueuePayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, queueId: str) -> Response:
        return answer({"queue": _shown(await queues.get(caller, queueId))})


def _add_verb(
    routes: APIRouter, verb: str, summary: str, act: Callable[[Caller, str], Awaitable[QueueView]]
) -> None:
    @routes.post(
        f"/queues/{{queueId}}/{verb}",
        operation_id=f"{verb}Queue",
        summary=summary,
        response_model=Envelope[QueuePayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def do(caller: UserCaller, queueId: str) -> Response:
        return answer({"queue": _shown(await act(caller, queueId))})


def _shown(queue: QueueView) -> dict[str, Any]:
    head = None
    if queue.head_log_id is not None:
        at = None if queue.next_attempt_at is None else iso(queue.next_attempt_at)
        head = {"logId": queue.head_log_id, "attempts": queue.attempts, "nextAttemptAt": at}
    return {
        "queueId": queue.queue_id,
        "childQueue": queue.is_child,
        "subscription": {"id": queue.subscription_id},
        "destination": {"id": queue.destination_id},
        "state": SHOWN[queue.state],
        "reason": queue.reason,
        "lastStatus": queue.last_status,
        "heldSince": None if queue.held_since is None else iso(queue.held_since),
        "depth": queue.depth,
        "oldestAcceptedAt": None if queue.oldest_accepted_at is None else iso(queue.oldest_accepted_at),
        "head": head,
    }
