"""Payload and attempts of a log over HTTP (ours), and the vendor's payload search.

What is opened here must not be kept on the way.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from waypost.clock import iso
from waypost.logs.views import LogsPayload
from waypost.payloads.search import Bookmark, PayloadSearch, PayloadSearches
from waypost.payloads.service import Attempt, Payloads
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes import cursor as cursors
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer

MOST_DIGITS = 18
NO_STORE = {"Cache-Control": "no-store"}


class AttemptMade(Shown):
    """One attempt; `answer` is the beginning of what the endpoint said, where it was kept and opens."""

    id: str
    startedAt: str
    endedAt: str
    outcome: str
    status: int | None
    reason: str | None
    answer: str | None
    answerUnavailable: str | None


class AttemptsMade(Shown):
    """A page of attempts, newest first."""

    attempts: list[AttemptMade]


def router(payloads: Payloads, searches: PayloadSearches) -> APIRouter:
    """The routes of payloads, attempts and payload search."""
    routes = APIRouter(tags=["Logs"])
    _add_views(routes, payloads)

    @routes.post(
        "/platform/v1/environments/{environmentId}/logs/search/payloads",
        operation_id="searchPayloads",
        summary="Search payloads",
        response_model=Envelope[LogsPayload],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )
    async def search(
        caller: UserCaller,
        environmentId: str,
        raw: Annotated[Any, Depends(JsonBody(PayloadSearch, required=False))],
        cursor: Annotated[str | None, Query(alias="_cursor", max_length=512)] = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=50)] = 50,
    ) -> Response:
        shown, found = await searches.search(caller, environmentId, raw, place=place_of(cursor), count=count)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if found.following is not None:
            page["nextCursor"] = cursor_of(found.following)
        looked = {"examined": found.examined, "unopened": found.unopened}
        return answer({"results": shown}, headers=NO_STORE, meta={"page": page, "search": looked})

    return routes


def _add_views(routes: APIRouter, payloads: Payloads) -> None:
    @routes.get(
        "/waypost/v1/logs/{logId}/payload",
        operation_id="getPayload",
        summary="Get the message of a log as it was accepted",
        response_model=Envelope[dict[str, Any]],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def payload(caller: UserCaller, logId: str) -> Response:
        body = await payloads.view(caller, logId)
        return answer(msgspec.Raw(body), headers=NO_STORE)

    @routes.get(
        "/waypost/v1/logs/{logId}/attempts",
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


def cursor_of(place: Bookmark) -> str:
    """The cursor of where a search goes on."""
    low = "" if place.created_after is None else str(place.created_after)
    return cursors.write((place.accepted_at, f"{place.log_id}/{low}"))


def place_of(cursor: str | None) -> Bookmark | None:
    """Where a search goes on. Raises Invalid for what is no cursor of one."""
    position = cursors.read(cursor)
    if position is None:
        return None
    log_id, _, low = position[1].partition("/")
    if low and not (low.isascii() and low.isdigit() and len(low) <= MOST_DIGITS):
        raise cursors.invalid()
    return Bookmark(position[0], log_id, int(low) if low else None)


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
