"""One log: what became of it, attempt by attempt; its message behind a button; and its replay.

Message and answers are for engineers and support. The service audits each view of them before it gives anything.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.logs.listing import named
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.errors import Conflict, NotFound
from waypost.logs import store as logs
from waypost.payloads.service import Attempt

PATH = "/logs/{log_id}"
ATTEMPTS = 100
MOST_SHOWN = 500_000
"""Characters of a message; a browser chokes on the largest ones."""


async def show(visit: Visit) -> Response:
    """The log; with its attempts for those who may see them."""
    return await _shown(visit)


async def message(visit: Visit) -> Response:
    """The log with its message."""
    body = await visit.services.payloads.view(visit.caller, visit.path("log_id"))
    text = pretty(body)
    return await _shown(visit, message=text[:MOST_SHOWN], left_out=max(0, len(text) - MOST_SHOWN), size=len(body))


async def replay(visit: Visit) -> Response:
    """Send the log once more, and go to the new one."""
    log_id = visit.path("log_id")
    try:
        made = await visit.services.replays.one(visit.caller, log_id)
    except Conflict as error:
        return visit.redirect(f"{HOME}/logs/{log_id}", f"It was not replayed. {error.detail}", kind="warning")
    done = "This is the replay: a new log at the tail of its queue."
    return visit.redirect(f"{HOME}/logs/{made['id']}", done)


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt on the page; `answer` is what the endpoint said, for those who may see it."""

    started_at: int
    ended_at: int
    outcome: str
    status: int | None
    reason: str | None
    answer: str = ""
    unopened: str = ""


def pretty(body: bytes) -> str:
    """JSON with its lines set apart, every value as it was written; what is no JSON as it is."""
    with contextlib.suppress(msgspec.DecodeError):
        body = msgspec.json.format(body, indent=2)
    return body.decode(errors="replace")


async def _shown(visit: Visit, message: str | None = None, left_out: int = 0, size: int = 0) -> Response:
    log_id = visit.path("log_id")

    def read(tx: Tx) -> tuple[sa.Row[Any], dict[str, str], sa.Row[Any] | None]:
        found = logs.get(tx, log_id.lower())
        if found is None:
            raise NotFound("log")
        require_environment(visit.caller, found.environment_id, ANY_ROLE, "log")
        return found, named(tx, [found]), logs.latest_attempts(tx, [found.id]).get(found.id)

    found, called, latest = await visit.services.db.read(read)
    place = await visit.place(found.environment_id)
    attempts = [] if latest is None else [_summary(latest)]
    if place.may_open:
        made = await visit.services.payloads.attempts(visit.caller, log_id, before=None, count=ATTEMPTS)
        attempts = [_opened(each) for each in made[:ATTEMPTS]]
    return await visit.page(
        "logs/one.html",
        at=found.environment_id,
        log=found,
        called=called,
        attempts=attempts,
        unshown=max(0, found.attempts - len(attempts)),
        queue_ids=found.queues.split() if found.queues else [found.subscription_id],
        message=message,
        left_out=left_out,
        size=size,
    )


def _summary(row: sa.Row[Any]) -> Tried:
    """An attempt without what was answered: that is sealed in the row."""
    return Tried(row.started_at, row.ended_at, row.outcome, row.status, row.reason)


def _opened(made: Attempt) -> Tried:
    answer = "" if made.answer is None else made.answer.decode(errors="replace")
    return Tried(
        made.started_at, made.ended_at, made.outcome, made.status, made.reason, answer, made.unopened or ""
    )


PAGES = [
    get(PATH, show),
    post(f"{PATH}/message", message),
    post(f"{PATH}/replay", replay),
]
