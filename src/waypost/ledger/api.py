"""The ledger of an environment over HTTP (ours): in all, and a page of subscriptions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.clock import Clock, iso
from waypost.db.database import Database, Tx
from waypost.ledger import minutes, store
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes import cursor as cursors
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer


class CountsShown(Shown):
    """In logs: accepted + replayed = delivered + pending + filtered + skipped + parked."""

    accepted: int
    replayed: int
    delivered: int
    pending: int
    filtered: int
    skipped: int
    parked: int


class LineShown(CountsShown):
    """One subscription's share; `closedAt` when it was deleted."""

    subscription: dict[str, str]
    destination: dict[str, str]
    closedAt: str | None


class LedgerPayload(Shown):
    """The environment's counts, and a page of its subscriptions."""

    ledger: CountsShown
    subscriptions: list[LineShown]


class MinuteShown(Shown):
    """Logs accepted (replays too) and delivered in the minute that begins at `minute`; the last is not over."""

    minute: str
    accepted: int
    delivered: int


class MinutesPayload(Shown):
    """The last minutes, oldest first."""

    minutes: list[MinuteShown]


def router(db: Database, clock: Clock) -> APIRouter:
    """The routes of the ledger."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Queues"])

    @routes.get(
        "/environments/{environmentId}/ledger",
        operation_id="getLedger",
        summary="Get the ledger: what came in and what became of it",
        response_model=Envelope[LedgerPayload],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def get(
        caller: UserCaller,
        environmentId: str,
        cursor: Annotated[str | None, Query(alias="_cursor", max_length=512)] = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50,
    ) -> Response:
        require_environment(caller, environmentId, ANY_ROLE)
        _, after = cursors.read(cursor) or (0, "")

        def read(tx: Tx) -> tuple[store.Counts, list[store.LedgerLine]]:
            return store.total(tx, environmentId), store.page(tx, environmentId, after=after, count=count)

        total, lines = await db.read(read)
        page: dict[str, Any] = {"pageType": "cursor", "pageSize": count}
        if len(lines) > count:
            page["nextCursor"] = cursors.write((0, lines[count - 1].subscription_id))
        shown = [_line(line) for line in lines[:count]]
        return answer({"ledger": _counts(total), "subscriptions": shown}, meta={"page": page})

    @routes.get(
        "/environments/{environmentId}/ledger/minutes",
        operation_id="getLedgerMinutes",
        summary="Get how many logs were accepted and delivered in each of the last minutes",
        response_model=Envelope[MinutesPayload],
        responses=problems_of(400, 401, 403, 404, 429, 503),
    )
    async def get_minutes(
        caller: UserCaller,
        environmentId: str,
        count: Annotated[int, Query(alias="_count", ge=1, le=minutes.MOST)] = 60,
    ) -> Response:
        require_environment(caller, environmentId, ANY_ROLE)
        found = await db.read(lambda tx: minutes.last(tx, environmentId, count, clock.now_ms()))
        shown = [
            {"minute": iso(each.begins_at), "accepted": each.accepted, "delivered": each.delivered}
            for each in found
        ]
        return answer({"minutes": shown})

    return routes


def _line(line: store.LedgerLine) -> dict[str, Any]:
    return {
        "subscription": {"id": line.subscription_id},
        "destination": {"id": line.destination_id},
        "closedAt": None if line.closed_at is None else iso(line.closed_at),
        **_counts(line.counts),
    }


def _counts(counts: store.Counts) -> dict[str, int]:
    return {
        "accepted": counts.accepted,
        "replayed": counts.replayed,
        "delivered": counts.delivered,
        "pending": counts.pending,
        "filtered": counts.filtered,
        "skipped": counts.skipped,
        "parked": counts.parked,
    }
