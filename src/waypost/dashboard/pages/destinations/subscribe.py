"""Subscribe a destination: which source's messages of which data model come to it."""

from starlette.responses import Response

from waypost.dashboard.html import forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.destinations.edit import to_change
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.errors import Conflict, Invalid
from waypost.web.routes.problems import status_of

PATH = "/destinations/{destination_id}/subscribe"
USUAL = ("PatientAdmin", "Scheduling", "Results", "Order", "Notes", "Clinical Summary", "Media", "Financial")


async def show(visit: Visit) -> Response:
    """The form."""
    return await _shown(visit, await to_change(visit), forms.FormState())


async def save(visit: Visit) -> Response:
    """Make the subscription."""
    found = await to_change(visit)
    body = forms.body(
        visit.form, forms.text("source/id"), forms.fixed("destination/id", found.id), forms.text("dataModel")
    )
    try:
        made = await visit.services.subscriptions.create(visit.caller, found.environment_id, body)
    except (Invalid, Conflict) as error:
        return await _shown(visit, found, forms.refused(visit.form, error), status=status_of(error))
    return visit.redirect(
        f"{HOME}/destinations/{found.id}", f"Subscribed: {made.data_model} comes here from now on."
    )


async def _shown(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    sources = await visit.services.sources.list(visit.caller, found.environment_id)
    return await visit.page(
        "destinations/subscribe.html",
        at=found.environment_id,
        status=status,
        destination=found,
        options=[(each.id, each.name) for each in sources],
        usual=USUAL,
        form=form,
    )


PAGES = [get(PATH, show), post(PATH, save)]
