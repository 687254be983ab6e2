"""What is done to a destination once: a new signing secret, a sample data set, its end."""

from starlette.responses import Response

from waypost.access import OWNER, require_organization
from waypost.dashboard.html import forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.destinations.edit import to_change
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.environments.store import Flag
from waypost.errors import Conflict, Invalid
from waypost.queues import standing
from waypost.web.routes.problems import status_of

PATH = "/destinations/{destination_id}"


async def ask_for_secret(visit: Visit) -> Response:
    """What a new signing secret means, and the button."""
    return await _secret(visit, await to_change(visit), "")


async def new_secret(visit: Visit) -> Response:
    """Make one and show it, this once."""
    found = await to_change(visit)
    return await _secret(visit, found, await visit.services.signing.change(visit.caller, found.id, {}))


async def send_sample(visit: Visit) -> Response:
    """Send a data set, and go where it can be watched."""
    found = await to_change(visit)
    here = f"{HOME}/destinations/{found.id}"
    try:
        await visit.services.samples.send(visit.caller, found.id, forms.body(visit.form, forms.text("datasetId")))
    except Conflict as error:
        return visit.redirect(here, error.detail, kind="warning")
    return visit.redirect(here, "The sample data set is on its way, behind what waits already.")


async def ask_to_delete(visit: Visit) -> Response:
    """What goes with it, and the form. Raises Forbidden where only an owner may."""
    return await _ending(visit, await _to_delete(visit), forms.FormState())


async def delete(visit: Visit) -> Response:
    """End it, with its subscriptions."""
    found = await _to_delete(visit)
    try:
        skipped = await visit.services.destinations.delete(
            visit.caller, found.id, forms.body(visit.form, forms.optional("reason"))
        )
    except (Invalid, Conflict) as error:
        return await _ending(visit, found, forms.refused(visit.form, error), status=status_of(error))
    ended = f" {skipped} pending messages ended as skipped." if skipped else ""
    words = f"The destination {found.name} is deleted.{ended}"
    return visit.redirect(f"{HOME}/environments/{found.environment_id}/destinations", words)


async def _to_delete(visit: Visit) -> Destination:
    found = await to_change(visit)
    if found.flag is Flag.production:
        place = await visit.place(found.environment_id)
        if place.organization is not None:
            require_organization(visit.caller, place.organization.id, OWNER, "destination")
    return found


async def _secret(visit: Visit, found: Destination, secret: str) -> Response:
    return await visit.page(
        "destinations/signing_secret.html", at=found.environment_id, destination=found, secret=secret
    )


async def _ending(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    standing_now = await visit.services.db.read(lambda tx: standing.of_destination(tx, found.id))
    return await visit.page(
        "destinations/delete.html",
        at=found.environment_id,
        status=status,
        destination=found,
        standing=standing_now,
        form=form,
    )


PAGES = [
    get(f"{PATH}/signing-secret", ask_for_secret),
    post(f"{PATH}/signing-secret", new_secret),
    post(f"{PATH}/sample", send_sample),
    get(f"{PATH}/delete", ask_to_delete),
    post(f"{PATH}/delete", delete),
]
