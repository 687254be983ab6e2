"""`/dashboard` itself: on to the environment that was looked at last, or the first one there is.

Whoever has a role in several organizations, and has not looked at any in this browser, chooses first.
"""

from starlette.responses import Response

from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get
from waypost.dashboard.visits.visit import Visit


async def show(visit: Visit) -> Response:
    """Go on to an environment, have one chosen, or say that there is none."""
    place = await visit.place(visit.last_environment())
    if place.environment is None:
        return await visit.page("home.html")
    return visit.redirect(f"{HOME}/environments/{place.environment.id}")


PAGES = [get("", show)]
