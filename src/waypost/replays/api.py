"""Replays over HTTP (ours)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from waypost.clock import iso
from waypost.logs.views import LogShown
from waypost.replays.model import ReplayOfMany, ReplayRange
from waypost.replays.service import Replays
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer


class ReplayedLog(Shown):
    """The new log."""

    log: LogShown


class ReplayCount(Shown):
    """What a dry run answers: how many logs would be replayed."""

    dryRun: bool
    count: int


class ReplayShown(Shown):
    """A replay of many; `count` is what it found when it began, `replayed` what is in the queues again."""

    id: str
    state: str
    filter: dict[str, Any]
    count: int
    replayed: int
    createdAt: str
    endedAt: str | None


class CountPayload(Shown):
    """A dry run."""

    replay: ReplayCount


class ReplayPayload(Shown):
    """One replay of many."""

    replay: ReplayShown


def router(replays: Replays) -> APIRouter:
    """The routes of replays."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Logs"])

    @routes.post(
        "/logs/{logId}/replay",
        operation_id="replayLog",
        summary="Send a log that ended once more, at the tail of its queue",
        status_code=201,
        response_model=Envelope[ReplayedLog],
        responses=problems_of(401, 403, 404, 409, 429, 503),
    )
    async def one(caller: UserCaller, logId: str) -> Response:
        return answer({"log": await replays.one(caller, logId)}, status=201)

    @routes.post(
        "/environments/{environmentId}/replays",
        operation_id="replayLogs",
        summary="Count the logs that a search finds; with dryRun false, send them once more",
        response_model=Envelope[CountPayload],
        responses=problems_of(400, 401, 403, 404, 409, 413, 415, 429, 503)
        | {201: {"description": "The replay has begun", "model": Envelope[ReplayPayload]}},
    )
    async def many(
        caller: UserCaller, environmentId: str, raw: Annotated[Any, Depends(JsonBody(ReplayRange, required=False))]
    ) -> Response:
        found = await replays.many(caller, environmentId, raw)
        if isinstance(found, int):
            return answer({"replay": {"dryRun": True, "count": found}})
        return answer({"replay": _shown(found)}, status=201)

    @routes.get(
        "/environments/{environmentId}/replays/{replayId}",
        operation_id="getReplay",
        summary="Get how far a replay of many has come",
        response_model=Envelope[ReplayPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, environmentId: str, replayId: str) -> Response:
        return answer({"replay": _shown(await replays.progress(caller, environmentId, replayId))})

    return routes


def _shown(replay: ReplayOfMany) -> dict[str, Any]:
    return {
        "id": replay.id,
        "state": replay.state.value,
        "filter": replay.filter,
        "count": replay.count,
        "replayed": replay.replayed,
        "createdAt": iso(replay.created_at),
        "endedAt": None if replay.ended_at is None else iso(replay.ended_at),
    }
