"""Subscribe a destination: which source's messages of which data model come to it."""

from starlette.responses import Response

from waypost.dashboard import forms
from waypost.dashboard.pages.destinations.edit import to_change
from waypost.dashboard.routes import get, post
from waypost.dashboard.visit import Visit
from waypost.destinations.model import Destination
from waypost.errors import Conflict, Invalid
from waypost.web.problems import status_of

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
    except Invalid as error:
        return await _shown(visit, found, forms.refused(visit.form, error), status=400)
    except Conflict as error:
        form = forms.FormState(forms.given(visit.form), headline=error.detail)
        return await _shown(visit, found, form, status=status_of(error))
    return visit.redirect(
        f"/dashboard/destinations/{found.id}", f"Subscribed: {made.data_model} comes here from now on."
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
