"""Payload and attempts of a log over HTTP (ours). What is opened here must not be kept on the way."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from waypost.clock import iso
from waypost.payloads.service import Attempt, Payloads
from waypost.web import cursor as cursors
from waypost.web.callers import UserCaller
from waypost.web.envelope import Envelope, answer
from waypost.web.openapi import problems_of

NO_STORE = {"Cache-Control": "no-store"}


class AttemptMade(BaseModel):
    """One attempt; `answer` is the beginning of what the endpoint said, where it was kept and opens."""

    id: str
    startedAt: str
    endedAt: str
    outcome: str
    status: int | None
    reason: str | None
    answer: str | None
    answerUnavailable: str | None


class AttemptsMade(BaseModel):
    """A page of attempts, newest first."""

    attempts: list[AttemptMade]


def router(payloads: Payloads) -> APIRouter:
    """The routes of payloads and attempts."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Logs"])

    @routes.get(
        "/logs/{logId}/payload",
        operation_id="getPayload",
        summary="Get the message of a log as it was accepted",
        response_model=Envelope[dict[str, Any]],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def payload(caller: UserCaller, logId: str) -> Response:
        body = await payloads.view(caller, logId)
        return answer(msgspec.Raw(body), headers=NO_STORE)

    @routes.get(
        "/logs/{logId}/attempts",
        operation_id="getAttempts",
        summary="Get the attempts of a log, newest first",
        response_model=Envelope[AttemptsMade],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def attempts(
        caller: UserCaller,
        logId: str,
        cursor: Annotated[str | None, Query(alias="_cursor", max_length=512)] = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50,
    ) -> Response:
        found = await payloads.attempts(caller, logId, before=cursors.read(cursor), count=count)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if len(found) > count:
            page["nextCursor"] = cursors.write((found[count - 1].started_at, found[count - 1].id))
        shown = [_shown(attempt) for attempt in found[:count]]
        return answer({"attempts": shown}, headers=NO_STORE, meta={"page": page})

    return routes


def _shown(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "startedAt": iso(attempt.started_at),
        "endedAt": iso(attempt.ended_at),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "reason": attempt.reason,
        "answer": None if attempt.answer is None else attempt.answer.decode(errors="replace"),
        "answerUnavailable": attempt.unopened,
    }
