"""The egress list of an environment: where its calls may go.

Everybody there reads it, and so do owners and admins of the organization without a role inside; an owner sets it.
"""

from starlette.responses import Response

from waypost.access import OWNER
from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.environments import store
from waypost.errors import Invalid

PATH = "/environments/{environment_id}/egress"
_LIST = (forms.lines("hosts"), forms.lines("cidrs"), forms.numbers("ports"))


async def show(visit: Visit) -> Response:
    """The list."""
    return await _shown(visit, FormState())


async def update(visit: Visit) -> Response:
    """Set the whole list; it holds for the next call."""
    environment_id = visit.path("environment_id")
    try:
        await visit.services.egress_lists.put(visit.caller, environment_id, forms.body(visit.form, *_LIST))
    except Invalid as error:
        return await _shown(visit, forms.refused(visit.form, error), status=400)
    return visit.redirect(HOME + PATH.format(environment_id=environment_id), "Saved. It holds from now on.")


async def _shown(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    environment_id = visit.path("environment_id")
    found = await visit.services.egress_lists.get(visit.caller, environment_id)
    environment = await visit.services.db.read(lambda tx: store.get(tx, environment_id))
    user = visit.session.user
    return await visit.page(
        "egress.html",
        at=environment.id if environment.id in user.environments else None,
        organization=environment.organization_id,
        environment=environment,
        listed=found.shown(),
        is_open=found.is_open,
        may_set=user.organizations.get(environment.organization_id) in OWNER,
        form=form,
        status=status,
    )


PAGES = [get(PATH, show), post(PATH, update)]
