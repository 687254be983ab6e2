"""The environment at a glance."""

from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.routes import get
from waypost.dashboard.visit import Visit

PATH = "/environments/{environment_id}"


async def show(visit: Visit) -> Response:
    """How the environment stands."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    return await visit.page("overview.html", at=environment_id)


PAGES = [get(PATH, show)]
