"""Change what Update destination takes: name, endpoint, verification token, credential."""

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.credentials.model import Credential
from waypost.dashboard.html import forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.errors import Invalid, Stale
from waypost.web.routes.problems import status_of

PATH = "/destinations/{destination_id}/edit"


async def show(visit: Visit) -> Response:
    """The form."""
    return await _shown(visit, await to_change(visit), forms.FormState())


async def save(visit: Visit) -> Response:
    """Change what differs."""
    found = await to_change(visit)
    endpoint = forms.text("endpoint") if found.endpoint else forms.optional("endpoint")
    body = forms.body(
        visit.form,
        forms.text("name"),
        endpoint,
        forms.secret("verificationToken"),
        forms.nullable("authCredential"),
    )
    if "clear" in visit.form and "verificationToken" not in body:
        body["verificationToken"] = None
    try:
        changed = await visit.services.destinations.update(
            visit.caller, found.id, body, if_match=visit.form.text("etag") or None
        )
    except (Invalid, Stale) as error:
        return await _shown(
            visit, found, forms.refused(visit.form, error, "verificationToken"), status=status_of(error)
        )
    words = "Saved. It is used from the next attempt on; held queues are tried now."
    return visit.redirect(f"{HOME}/destinations/{changed.id}", words)


async def to_change(visit: Visit) -> Destination:
    """The destination of the address. Raises NotFound, and Forbidden unless the user is an engineer there."""
    found = await visit.services.destinations.get(visit.caller, visit.path("destination_id"))
    require_environment(visit.caller, found.environment_id, ENGINEER, "destination")
    return found


async def fitting(visit: Visit, destination: Destination) -> list[Credential]:
    """The credentials that a destination of this kind can use, by name."""
    found = await visit.services.credentials.list(visit.caller, destination.environment_id)
    kind = destination.kind
    return sorted(
        (each for each in found if kind is None or kind.accepts(each.strategy)), key=lambda each: each.name.lower()
    )


async def _shown(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    return await visit.page(
        "destinations/edit.html",
        at=found.environment_id,
        status=status,
        destination=found,
        options=[(each.id, f"{each.name} · {each.strategy}") for each in await fitting(visit, found)],
        form=form,
    )


PAGES = [get(PATH, show), post(PATH, save)]
