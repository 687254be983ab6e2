"""Replaying what a search finds: counted first, then asked for, then watched."""

from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.dashboard.html import forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.logs import searches
from waypost.dashboard.visits.live import Fragments
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Conflict
from waypost.replays.model import ReplayOfMany

PATH = "/environments/{environment_id}/replays"
ONE = PATH + "/{replay_id}"


async def ask(visit: Visit) -> Response:
    """What would be replayed, in words; the count comes by itself, or by a button where no script runs."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER)
    given = searches.asked(visit.request.query_params)
    count: int | None = None
    if "count" in visit.request.query_params:
        count = await _counted(visit, environment_id, given)
        if visit.is_htmx:
            return visit.fragment("replays/count.html", count=count, given=given, environment_id=environment_id)
    here = f"{HOME}/environments/{environment_id}/replays/new"
    return await visit.page(
        "replays/new.html",
        at=environment_id,
        environment_id=environment_id,
        given=given,
        count=count,
        counting=visit.link(here, **given, count="yes"),
        back=visit.link(f"{HOME}/environments/{environment_id}/logs", **given),
    )


async def start(visit: Visit) -> Response:
    """Begin, and go to where it can be watched."""
    environment_id = visit.path("environment_id")
    given = searches.asked(forms.given(visit.form))
    body: dict[str, Any] = searches.body(given) | {"dryRun": False}
    try:
        begun = await visit.services.replays.many(visit.caller, environment_id, body)
    except Conflict as error:
        here = visit.link(f"{HOME}/environments/{environment_id}/replays/new", **given)
        return visit.redirect(here, f"Nothing was replayed. {error.detail}", kind="warning")
    assert isinstance(begun, ReplayOfMany)  # noqa: S101 - it is no dry run
    return visit.redirect(f"{HOME}/environments/{environment_id}/replays/{begun.id}")


async def show(visit: Visit) -> Response:
    """How far a replay has come."""
    environment_id = visit.path("environment_id")
    progress = await visit.services.replays.progress(visit.caller, environment_id, visit.path("replay_id"))
    return await visit.page("replays/one.html", at=environment_id, progress=progress)


async def live(visit: Visit) -> Response:
    """The same, again and again."""
    environment_id, replay_id = visit.path("environment_id"), visit.path("replay_id")
    caller = visit.caller
    found = await visit.services.replays.progress(caller, environment_id, replay_id)

    async def poll() -> Fragments:
        progress = await visit.services.replays.progress(caller, environment_id, replay_id)
        return {"progress": visit.view.render("replays/progress.html", progress=progress)}

    return visit.stream(f"replay {found.id}", poll, at=environment_id, every_seconds=1.0)


async def _counted(visit: Visit, environment_id: str, given: dict[str, str]) -> int:
    body: dict[str, Any] = searches.body(given) | {"dryRun": True}
    counted = await visit.services.replays.many(visit.caller, environment_id, body)
    return counted if isinstance(counted, int) else counted.count


PAGES = [
    get(f"{PATH}/new", ask),
    post(PATH, start),
    get(ONE, show),
    get(f"{ONE}/live", live),
]
