"""Verify a destination, and show the exchange: what was sent, without the token, and what came back."""

from starlette.responses import Response

from waypost.dashboard.html import forms
from waypost.dashboard.pages.destinations.edit import to_change
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.destinations.verification import NotVerified, Verified
from waypost.errors import Conflict, Invalid

PATH = "/destinations/{destination_id}/verify"


async def show(visit: Visit) -> Response:
    """What a verification will do, and the button."""
    return await _shown(visit, await to_change(visit))


async def verify(visit: Visit) -> Response:
    """Do it, and show what came of it."""
    found = await to_change(visit)
    try:
        done = await verified(visit, found)
    except NotVerified as error:
        return await _shown(visit, found, outcome=error, status=409)
    except Conflict as error:
        return await _shown(visit, found, form=forms.FormState(headline=error.detail), status=409)
    except Invalid as error:
        return await _shown(visit, found, form=forms.refused(visit.form, error), status=400)
    return await _shown(visit, done.destination, outcome=done)


async def verified(visit: Visit, found: Destination) -> Verified:
    """Verify it by the chosen method. Raises NotVerified, Conflict, Invalid."""
    body = {} if found.is_cloud else forms.body(visit.form, forms.optional("verificationMethod"))
    return await visit.services.verifier.verify(visit.caller, found.id, body)


async def _shown(
    visit: Visit,
    found: Destination,
    *,
    form: forms.FormState | None = None,
    outcome: Verified | NotVerified | None = None,
    status: int = 200,
) -> Response:
    return await visit.page(
        "destinations/verify.html",
        at=found.environment_id,
        status=status,
        destination=found,
        form=form or forms.FormState(forms.given(visit.form)),
        outcome=outcome,
    )


PAGES = [get(PATH, show), post(PATH, verify)]
