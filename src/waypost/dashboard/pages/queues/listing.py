"""The queues of an environment, held ones first, with the reason of each in words."""

from typing import Any

from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.readings import names
from waypost.dashboard.visits.live import Fragments
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.queues.figures import SHOWN, states_shown_as
from waypost.queues.model import Only
from waypost.web.routes import cursor as cursors

PATH = "/environments/{environment_id}/queues"
COUNT = 50
WORDS = set(SHOWN.values())


async def show(visit: Visit) -> Response:
    """A page of queues."""
    environment_id = visit.path("environment_id")
    values, following = await _listed(visit, environment_id)
    asked, after = _asked(visit), visit.query("after")
    return await visit.page(
        "queues/list.html",
        at=environment_id,
        asked=asked,
        following=visit.link(visit.here, **asked, after=following) if following else "",
        first=visit.link(visit.here, **asked) if after else "",
        stream=visit.link(f"{visit.here}/live", **asked, after=after),
        **values,
    )


async def live(visit: Visit) -> Response:
    """The same page of queues, again and again."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    cursors.read(visit.query("after") or None)

    async def poll() -> Fragments:
        values, _ = await _listed(visit, environment_id)
        return {"queue-list": visit.view.render("queues/rows.html", **values)}

    return visit.stream(f"queues {[_asked(visit), visit.query('after')]}", poll, at=environment_id)


def _asked(visit: Visit) -> dict[str, str]:
    """What the list is narrowed to."""
    wanted = {name: visit.query(name) for name in ("state", "destination", "subscription")}
    return {name: value for name, value in wanted.items() if value and (name != "state" or value in WORDS)}


async def _listed(visit: Visit, environment_id: str) -> tuple[dict[str, Any], str]:
    """What the rows are made of, and the cursor of the next page, if there is one."""
    asked = _asked(visit)
    only = Only(states_shown_as(asked.get("state")), asked.get("destination"), asked.get("subscription"))
    after = cursors.read(visit.query("after") or None)
    found = await visit.services.queues.page(visit.caller, environment_id, after=after, count=COUNT, only=only)
    queues = [queue for _, queue in found[:COUNT]]
    ends = [(queue.subscription_id, queue.destination_id) for queue in queues]
    routes = await visit.services.db.read(lambda tx: names.routes(tx, ends))
    following = cursors.write(found[COUNT - 1][0]) if len(found) > COUNT else ""
    return {"queues": queues, "routes": routes, "shown": SHOWN, "is_narrowed": bool(asked)}, following


PAGES = [
    get(PATH, show),
    get(f"{PATH}/live", live),
]
