"""The environment's credentials: what each is, and how many destinations use it."""

from starlette.responses import Response

from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit
from waypost.destinations import store as destinations

PATH = "/environments/{environment_id}/credentials"
A_PAGE = 100


async def show(visit: Visit) -> Response:
    """A page of them, by name."""
    environment_id = visit.path("environment_id")
    listed = await visit.services.credentials.list(visit.caller, environment_id)
    used = await visit.services.db.read(lambda tx: destinations.use_of_credentials(tx, environment_id))
    term = visit.query("search").lower()
    found = sorted(
        (each for each in listed if term in each.name.lower() or term in each.strategy.lower() or term == each.id),
        key=lambda each: (each.name.lower(), each.id),
    )
    number = visit.query("page", "1")
    start = (max(1, int(number)) - 1) * A_PAGE if number.isascii() and number.isdigit() and len(number) < 9 else 0
    return await visit.page(
        "credentials/list.html",
        at=environment_id,
        credentials=found[start : start + A_PAGE],
        total=len(listed),
        used=used,
        search=visit.query("search"),
        page=start // A_PAGE + 1,
        has_more=len(found) > start + A_PAGE,
    )


PAGES = [get(PATH, show)]
