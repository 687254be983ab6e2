"""Change what Redox's object has no place for: trust, client certificate, time limit, what counts as success."""

from starlette.responses import Response

from waypost.dashboard.html import forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.destinations.edit import to_change
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.errors import Invalid, Stale
from waypost.web.routes.problems import status_of

PATH = "/destinations/{destination_id}/settings"


async def show(visit: Visit) -> Response:
    """The form."""
    return await _shown(visit, await to_change(visit), forms.FormState())


async def save(visit: Visit) -> Response:
    """Change what differs."""
    found = await to_change(visit)
    fields = [
        forms.nullable("tls/caCertificate"),
        forms.nullable("tls/clientCertificate"),
        forms.secret("tls/clientKey"),
        forms.integer("timeoutSeconds"),
    ]
    if not found.is_cloud:
        fields += [forms.text("successStatus"), forms.boolean("sendTokenAsBearer")]
    if "clear" in visit.form:
        fields += [forms.fixed("tls/clientCertificate", None), forms.fixed("tls/clientKey", None)]
    try:
        await visit.services.destinations.change_settings(
            visit.caller, found.id, forms.body(visit.form, *fields), if_match=visit.form.text("etag") or None
        )
    except (Invalid, Stale) as error:
        return await _shown(
            visit, found, forms.refused(visit.form, error, "tls/clientKey"), status=status_of(error)
        )
    words = "Saved. It is used from the next attempt on; held queues are tried now."
    return visit.redirect(f"{HOME}/destinations/{found.id}", words)


async def _shown(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    return await visit.page(
        "destinations/settings.html", at=found.environment_id, status=status, destination=found, form=form
    )


PAGES = [get(PATH, show), post(PATH, save)]
