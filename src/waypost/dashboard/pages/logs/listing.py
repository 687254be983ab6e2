"""The logs of an environment, searched by metadata; a page looks at so many, and a long search goes on."""

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.logs import searches
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.logs import look
from waypost.logs import store as logs
from waypost.logs.look import Look
from waypost.web.routes import cursor as cursors

PATH = "/environments/{environment_id}/logs"
COUNT = 50
MOST_ROUNDS = 25
"""How often a search that has found nothing goes on by itself."""


async def show(visit: Visit) -> Response:
    """A search by metadata; for htmx, only what it found."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    given = searches.asked(visit.request.query_params)
    wanted, form = searches.checked(given)
    before = cursors.read(visit.query("after") or None)

    def read(tx: Tx) -> tuple[Look, dict[str, str]]:
        if wanted.finds_nothing or form.faults:
            return Look([], None), {}
        found = look.page(tx, environment_id, wanted.filters(), before=before, count=COUNT)
        return found, named(tx, found.logs)

    found, called = await visit.services.db.read(read)
    values = _rows(visit, environment_id, given, found) | {"called": called}
    if visit.is_htmx:
        return visit.fragment("logs/rows.html", **values)
    values |= {
        "environment_id": environment_id,
        "form": form,
        "seldom": any(name in given for name in searches.SELDOM),
        "choices": await visit.services.db.read(lambda tx: searches.choices(tx, environment_id)),
        "first": visit.link(visit.here, **given) if before else "",
        "replay": visit.link(f"{HOME}/environments/{environment_id}/replays/new", **given),
    }
    return await visit.page("logs/list.html", at=environment_id, status=400 if form.faults else 200, **values)


def _rows(visit: Visit, environment_id: str, given: dict[str, str], found: Look) -> dict[str, Any]:
    """What was found, and where to look further."""
    given_round = visit.query("round")
    rounds = int(given_round) if given_round.isascii() and given_round.isdigit() else 0
    further = ""
    if found.following is not None:
        more = "" if found.back_to is None else str(rounds + 1)
        further = visit.link(visit.here, **given, after=cursors.write(found.following), round=more)
    return {
        "logs": found.logs,
        "back_to": found.back_to,
        "further": further,
        "goes_on": found.back_to is not None and not found.logs and rounds < MOST_ROUNDS,
        "is_narrowed": bool(given),
    }


def named(tx: Tx, rows: list[sa.Row[Any]]) -> dict[str, str]:
    """Names of the sources and destinations of logs, by id."""
    return logs.names(tx, {row.source_id for row in rows}, {row.destination_id for row in rows})


PAGES = [get(PATH, show)]
