"""The page behind an invitation: a password for whoever holds the link."""

from starlette.responses import Response

from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages.signing_in import entry
from waypost.dashboard.visits.routes import open_get, open_post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Fault, Invalid, NotFound

PATH = "/invitations/{token}"


async def show(visit: Visit) -> Response:
    """The form, or that the link has ended."""
    try:
        email = await visit.services.invitations.look(visit.path("token"))
    except NotFound:
        return await _ended(visit)
    return await _form(visit, email, FormState())


async def accept(visit: Visit) -> Response:
    """Set the password."""
    token, password = visit.path("token"), visit.form.raw("password")
    try:
        email = await visit.services.invitations.look(token)
        visit.require(
            password == visit.form.raw("again"), "again", "differs", "These are two different passwords."
        )
        await visit.services.invitations.accept(token, password, **entry.arrival(visit))
    except NotFound:
        return await _ended(visit)
    except Invalid as error:
        return await _form(visit, email, _state(error.faults), status=400)
    return visit.redirect(addresses.SIGN_IN, "The password is set. Sign in with it.")


def _state(faults: tuple[Fault, ...]) -> FormState:
    return FormState(faults=faults, headline="The password is not set.")


async def _form(visit: Visit, email: str, form: FormState, *, status: int = 200) -> Response:
    return await visit.page("invitation.html", status=status, email=email, form=form)


async def _ended(visit: Visit) -> Response:
    return await visit.page("invitation.html", status=404, email=None, form=FormState())


PAGES = [open_get(PATH, show), open_post(PATH, accept)]
