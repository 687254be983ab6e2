"""The wizard that sets a destination up: type, settings, credential, verify; saved as the documented `setupState`.

Each step is saved when it is sent, and "Save and leave" saves what was typed so far. Whoever comes back goes on
where the state says; one that another client has saved, with steps of its own, is read by what is there.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.dashboard.html import declared, forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.destinations import progress
from waypost.dashboard.pages.destinations.edit import fitting, to_change
from waypost.dashboard.pages.destinations.verify import verified
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.kinds import CLOUD, HTTPS
from waypost.destinations.kinds.kind import CloudKind, Kind
from waypost.destinations.model import Destination
from waypost.destinations.verification import NotVerified, Verified
from waypost.environments.store import Environment
from waypost.errors import Conflict, Invalid
from waypost.web.routes.problems import status_of

NEW = "/environments/{environment_id}/destinations/new"
PATH = "/destinations/{destination_id}/setup"
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (HTTPS, *CLOUD.values())}
SETTINGS = "cloudProviderSettings"


async def ask(visit: Visit) -> Response:
    """Name and type of a new destination."""
    return await _type(visit, await _environment(visit), forms.FormState())


async def begin(visit: Visit) -> Response:
    """Make the destination, unfinished."""
    environment = await _environment(visit)
    kind = KINDS.get(visit.form.text("type"), HTTPS)
    name = visit.form.text("name")
    state = progress.state("settings", environment.id, environment.flag.value, name, kind)
    body = forms.body(visit.form, forms.text("name"), forms.fixed("setupState", state))
    try:
        made = await visit.services.destinations.create(visit.caller, environment.id, body)
    except Invalid as error:
        own = [each for each in error.faults if each.pointer == "/name"]  # the state repeats the name
        return await _type(visit, environment, forms.refused(visit.form, Invalid(own or error.faults)), status=400)
    return visit.redirect(f"{HOME}/destinations/{made.id}/setup/settings")


async def resume(visit: Visit) -> Response:
    """On to the step that was saved."""
    found = await to_change(visit)
    if found.setup_state is None:
        return visit.redirect(f"{HOME}/destinations/{found.id}")
    return visit.redirect(f"{HOME}/destinations/{found.id}/setup/{progress.step_of(found)}")


async def settings(visit: Visit) -> Response:
    """The form of the kind."""
    return await _settings(visit, await _unfinished(visit), forms.FormState())


async def save_settings(visit: Visit) -> Response:
    """Keep the settings and go on; or keep what was typed, and leave."""
    found = await _unfinished(visit)
    kind, leaves = found.chosen_kind or HTTPS, visit.form.text("then") == "leave"
    given = declared.body(visit.form, declared.of_kind(kind, {}), {})
    try:
        if isinstance(kind, CloudKind):
            await _save_cloud(visit, found, kind, given, leaves=leaves)
        else:
            await _save_endpoint(visit, found, given, leaves=leaves)
    except (Invalid, Conflict) as error:
        form = forms.refused(visit.form, error, "verificationToken")
        return await _settings(visit, found, form, status=status_of(error))
    return _onwards(visit, found, "credential", leaves=leaves)


async def credential(visit: Visit) -> Response:
    """Which credential, if any."""
    found = await _unfinished(visit)
    return _back(visit, found) or await _credential(visit, found, forms.FormState())


async def save_credential(visit: Visit) -> Response:
    """Attach the chosen one and go on."""
    found = await _unfinished(visit)
    leaves = visit.form.text("then") == "leave"
    try:
        body = forms.body(visit.form, forms.nullable("authCredential"))
        found = await visit.services.destinations.update(visit.caller, found.id, body)
    except Invalid as error:
        return await _credential(visit, found, forms.refused(visit.form, error), status=400)
    await visit.services.destinations.put_setup(
        visit.caller, found.id, progress.at(found, "credential" if leaves else "verify")
    )
    return _onwards(visit, found, "verify", leaves=leaves)


async def verify(visit: Visit) -> Response:
    """What is about to be verified."""
    found = await _unfinished(visit)
    return _back(visit, found) or await _verify(visit, found)


async def finish(visit: Visit) -> Response:
    """Verify it and show the exchange; or finish the set-up, verified or not."""
    found = await _unfinished(visit)
    if visit.form.text("then") == "leave":
        return _onwards(visit, found, "verify", leaves=True)
    if visit.form.text("then") == "finish":
        await visit.services.destinations.put_setup(visit.caller, found.id, {"setupState": None})
        return visit.redirect(f"{HOME}/destinations/{found.id}/subscribe", f"{found.name} is set up.")
    try:
        done = await verified(visit, found)
    except NotVerified as error:
        return await _verify(visit, found, outcome=error, status=409)
    except (Invalid, Conflict) as error:
        return await _verify(visit, found, form=forms.refused(visit.form, error), status=status_of(error))
    return await _verify(visit, done.destination, outcome=done)


def _back(visit: Visit, found: Destination) -> Response | None:
    """To the settings while there are none: the later steps stand on them."""
    return None if progress.has_place(found) else visit.redirect(f"{HOME}/destinations/{found.id}/setup/settings")


async def _save_cloud(
    visit: Visit, found: Destination, kind: CloudKind, given: Mapping[str, Any], *, leaves: bool
) -> None:
    cloud = kind.named(given)
    if leaves:
        state = progress.state("settings", found.environment_id, found.flag.value, found.name, kind, draft=given)
        body: dict[str, Any] = {"setupState": state}
    else:
        state = progress.state("credential", found.environment_id, found.flag.value, found.name, kind)
        body = {"setupState": state, SETTINGS: cloud}
    await visit.services.destinations.put_setup(visit.caller, found.id, body)


async def _save_endpoint(visit: Visit, found: Destination, given: Mapping[str, Any], *, leaves: bool) -> None:
    """An endpoint that is typed must be right, as the documented state has no place for half of one."""
    if not leaves or given:
        await visit.services.destinations.update(
            visit.caller, found.id, given if leaves else {"endpoint": visit.form.text("endpoint"), **given}
        )
    if not leaves:
        await visit.services.destinations.put_setup(visit.caller, found.id, progress.at(found, "credential"))


def _onwards(visit: Visit, found: Destination, step: str, *, leaves: bool) -> Response:
    if leaves:
        return visit.redirect(
            f"{HOME}/destinations/{found.id}",
            "Saved. Continue the set-up whenever you like.",
            kind="note",
        )
    return visit.redirect(f"{HOME}/destinations/{found.id}/setup/{step}")


async def _environment(visit: Visit) -> Environment:
    """The environment of the address, for an engineer. Raises NotFound, Forbidden."""
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER)
    place = await visit.place(environment_id)
    assert place.environment is not None  # noqa: S101 - or `place` had not found it
    return place.environment


async def _unfinished(visit: Visit) -> Destination:
    """The destination of the address. Raises Conflict when it is set up by now."""
    found = await to_change(visit)
    if found.setup_state is None:
        raise Conflict("This destination's set-up is finished; edit it instead.", code="setup_finished")
    return found


async def _type(visit: Visit, environment: Environment, form: forms.FormState, *, status: int = 200) -> Response:
    return await visit.page(
        "destinations/setup_type.html",
        at=environment.id,
        status=status,
        destination=None,
        kinds=KINDS,
        form=form,
    )


async def _settings(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    kind = found.chosen_kind or HTTPS
    saved = found.cloud or progress.draft(found)
    now = saved.get("settings") or {} if isinstance(kind, CloudKind) else {"endpoint": found.endpoint}
    return await _step(
        visit,
        "settings",
        found,
        status=status,
        kind=kind,
        needs=declared.coded(kind.needs) if isinstance(kind, CloudKind) else "",
        about=declared.coded(kind.about),
        fields=declared.of_kind(kind, now, has_token=found.has_token),
        form=form,
    )


async def _credential(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    kind = found.chosen_kind or HTTPS
    return await _step(
        visit,
        "credential",
        found,
        status=status,
        kind=kind,
        needs=declared.coded(kind.needs) if isinstance(kind, CloudKind) else "",
        options=[(each.id, f"{each.name} · {each.strategy}") for each in await fitting(visit, found)],
        form=form,
    )


async def _verify(
    visit: Visit,
    found: Destination,
    *,
    form: forms.FormState | None = None,
    outcome: Verified | NotVerified | None = None,
    status: int = 200,
) -> Response:
    shown = form or forms.FormState(forms.given(visit.form))
    return await _step(visit, "verify", found, status=status, form=shown, outcome=outcome)


async def _step(visit: Visit, step: str, found: Destination, *, status: int, **values: Any) -> Response:
    return await visit.page(
        f"destinations/setup_{step}.html",
        at=found.environment_id,
        status=status,
        destination=found,
        step=step,
        reached=progress.STEPS.index(progress.step_of(found)),
        **values,
    )


PAGES = [
    get(NEW, ask),
    post(NEW, begin),
    get(PATH, resume),
    get(f"{PATH}/settings", settings),
    post(f"{PATH}/settings", save_settings),
    get(f"{PATH}/credential", credential),
    post(f"{PATH}/credential", save_credential),
    get(f"{PATH}/verify", verify),
    post(f"{PATH}/verify", finish),
]
