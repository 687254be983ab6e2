"""The environment at a glance, live; in a new one, the way to the first delivered message.

An engineer who is paged looks here first: what is held comes before everything else, with the reason in words.
"""

from typing import Any

from starlette.responses import Response

from waypost.access import ANY_ROLE, require_environment
from waypost.dashboard.html import charts, forms
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.html.view import View
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.readings import allowance, guide
from waypost.dashboard.readings.glance import Glance
from waypost.dashboard.visits.live import Fragments
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Conflict

PATH = "/environments/{environment_id}"
DATA_SET = "hl7v2-adt"
PARTS = ("status", "held", "queues", "pace", "ledger", "failures")


async def show(visit: Visit, form: FormState | None = None, status: int = 200) -> Response:
    """How the environment stands."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    glance = await visit.services.glances.at(environment_id)
    steps = None
    if guide.is_needed(glance):
        steps = await visit.services.db.read(lambda tx: guide.read(tx, environment_id))
    pending = glance.figures.pending
    quotas = await visit.services.db.read(lambda tx: allowance.read(tx, environment_id, pending))
    values = _values(glance, environment_id) | {"steps": steps, "quotas": quotas, "form": form or FormState()}
    return await visit.page("overview.html", at=environment_id, status=status, **values)


async def live(visit: Visit) -> Response:
    """The same, again and again; `?guide` while it is the guide that is looked at."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ANY_ROLE)
    is_guide = "guide" in visit.request.query_params
    glances, view, db = visit.services.glances, visit.view, visit.services.db

    async def poll() -> Fragments:
        glance = await glances.at(environment_id)
        if not is_guide:
            return _fragments(view, PARTS, _values(glance, environment_id))
        steps = await db.read(lambda tx: guide.read(tx, environment_id))
        return _fragments(view, ("steps", "first"), _values(glance, environment_id) | {"steps": steps})

    return visit.stream("guide" if is_guide else "overview", poll, at=environment_id)


async def send_sample(visit: Visit) -> Response:
    """Send the sample data set to a destination of the environment."""
    environment_id = visit.path("environment_id")
    destination_id = visit.form.text("destinationId")
    body = forms.body(visit.form, forms.fixed("datasetId", DATA_SET))
    try:
        await visit.services.samples.send(visit.caller, destination_id, body)
    except Conflict as error:
        return await show(visit, FormState(headline=error.detail), status=409)
    return visit.redirect(f"{HOME}/environments/{environment_id}", "The sample messages are on their way.")


def _values(glance: Glance, environment_id: str) -> dict[str, Any]:
    """What the templates of the overview are given, whole page and fragments alike."""
    ended = glance.figures.ended
    incoming = (("accepted", glance.figures.accepted), ("replayed", glance.figures.replayed))
    outgoing = (*ended.items(), ("pending", glance.figures.pending))
    total = max(1, glance.arrived)
    return {
        "glance": glance,
        "environment_id": environment_id,
        "pace": charts.mirror(
            ("accepted", [minute.accepted for minute in glance.minutes]),
            ("delivered", [minute.delivered for minute in glance.minutes]),
        ),
        "incoming": incoming,
        "outgoing": outgoing,
        "incoming_bar": charts.stacked(incoming, total),
        "outgoing_bar": charts.stacked(outgoing, total),
    }


def _fragments(view: View, parts: tuple[str, ...], values: dict[str, Any]) -> Fragments:
    return {part: view.render(f"overview/{part}.html", **values) for part in parts}


PAGES = [
    get(PATH, show),
    get(f"{PATH}/live", live),
    post(f"{PATH}/sample", send_sample),
]
