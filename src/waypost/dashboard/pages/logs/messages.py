"""The search in messages, for engineers and support. What is looked for never stands in an address.

The service audits each call, without the terms. A search that runs out of time goes on where it was.
"""

from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER_OR_SUPPORT, require_environment
from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.pages.logs import searches
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Fault, Invalid, Unavailable
from waypost.payloads.api import cursor_of, place_of

PATH = "/environments/{environment_id}/logs/messages"
COUNT = 50
NOT_MADE = "This search cannot be made."


async def ask(visit: Visit) -> Response:
    """The form."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER_OR_SUPPORT)
    return await _shown(visit, environment_id, FormState())


async def search(visit: Visit) -> Response:
    """What was found; sent again with its cursor, the search goes on."""
    environment_id = visit.path("environment_id")
    given = forms.given(visit.form)
    try:
        results, found = await visit.services.payload_searches.search(
            visit.caller,
            environment_id,
            _body(visit, given),
            place=place_of(visit.form.text("cursor") or None),
            count=COUNT,
        )
    except Invalid as error:
        faults = [_beside_the_terms(fault) for fault in error.faults]
        return await _shown(visit, environment_id, FormState(given, faults, NOT_MADE), status=400)
    except Unavailable as error:
        return await _shown(visit, environment_id, FormState(given, (), error.detail), status=503)
    following, back_to = "", None
    if found.following is not None:
        following, back_to = cursor_of(found.following), found.following.accepted_at
    values = {"results": results, "found": found, "following": following, "back_to": back_to}
    return await _shown(visit, environment_id, FormState(given), values=values)


async def _shown(
    visit: Visit, environment_id: str, form: FormState, status: int = 200, values: dict[str, Any] | None = None
) -> Response:
    shown: dict[str, Any] = {"results": None, "found": None, "following": "", "back_to": None} | (values or {})
    shown |= {
        "environment_id": environment_id,
        "form": form,
        "names": searches.NAMES,
        "choices": await visit.services.db.read(lambda tx: searches.choices(tx, environment_id)),
    }
    return await visit.page("logs/messages.html", at=environment_id, status=status, **shown)


def _body(visit: Visit, given: dict[str, str]) -> dict[str, Any]:
    """The documented body; each line is a term."""
    category = visit.form.text("category")
    where = {"category": category} if category else {}
    terms = [line.strip() for line in visit.form.raw("term").split("\n") if line.strip()]
    return searches.body(given) | {"searchTerms": [{"value": term} | where for term in terms]}


def _beside_the_terms(fault: Fault) -> Fault:
    """All terms are one field of the form."""
    return Fault("/term", fault.code, fault.detail) if fault.pointer.startswith("/searchTerms") else fault


PAGES = [
    get(PATH, ask),
    post(PATH, search),
]
