"""The environment's destinations by name: what each is, if it is set up and verified, how its queues stand."""

from typing import cast, get_args

from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx, plan_for_values
from waypost.destinations import listing
from waypost.destinations.listing import DestinationQuery, Which
from waypost.destinations.model import Destination
from waypost.queues import standing
from waypost.queues.standing import Standing

PATH = "/environments/{environment_id}/destinations"
A_PAGE = 50
STATES: tuple[tuple[Which, str], ...] = (
    ("all", "All"),
    ("held", "Held"),
    ("unfinished", "Set-up unfinished"),
    ("unverified", "Not verified"),
)


async def show(visit: Visit) -> Response:
    """A page of them. Twenty thousand must not be slower than twenty."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    state = visit.query("state", "all")
    wanted = DestinationQuery(
        environment_id,
        standing.held_destinations(environment_id),
        visit.query("search")[:255],
        cast(Which, state) if state in get_args(Which) else "all",
    )
    after = visit.query("after") or None

    def read(tx: Tx) -> tuple[dict[Which, int], list[Destination], dict[str, Standing]]:
        plan_for_values(tx)
        found = listing.page(tx, wanted, after=after, count=A_PAGE)
        return (
            listing.counts(tx, wanted),
            found,
            standing.of_destinations(tx, [each.id for each in found[:A_PAGE]]),
        )

    counts, found, standings = await visit.services.db.read(read)
    return await visit.page(
        "destinations/list.html",
        at=environment_id,
        wanted=wanted,
        states=STATES,
        counts=counts,
        destinations=found[:A_PAGE],
        standings=standings,
        nothing=Standing(),
        following=found[A_PAGE - 1].id if len(found) > A_PAGE else "",
        is_first=after is None,
    )


PAGES = [get(PATH, show)]
