"""API keys: what sources get access tokens with. A list, a new one, and one with its public keys."""

import json
from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.apikeys.model import ApiKey
from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import Form, FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Invalid

LIST = "/environments/{environment_id}/apikeys"
ONE = "/apikeys/{apikey_id}"


async def list_(visit: Visit) -> Response:
    """The environment's keys."""
    environment_id = visit.path("environment_id")
    found = await visit.services.apikeys.list(visit.caller, environment_id)
    return await visit.page("apikeys/list.html", at=environment_id, apikeys=found)


async def new(visit: Visit) -> Response:
    """The form for another one."""
    return await _new(visit, FormState())


async def create(visit: Visit) -> Response:
    """Make it; its id is the client id."""
    environment_id = visit.path("environment_id")
    try:
        made = await visit.services.apikeys.create(visit.caller, environment_id, body(visit.form, visit, {}))
    except Invalid as error:
        return await _new(visit, forms.refused(visit.form, error), status=400)
    return visit.redirect(_url(made), f"{made.name} is there. Its client id is below.")


async def show(visit: Visit) -> Response:
    """One key."""
    return await _shown(visit, await _current(visit), FormState())


async def update(visit: Visit) -> Response:
    """Change its name and keys."""
    current = await _current(visit)
    try:
        given = body(visit.form, visit, {"jwksURL": None, "jwkSet": None})
        await visit.services.apikeys.update(visit.caller, current.id, given)
    except Invalid as error:
        return await _shown(visit, current, forms.refused(visit.form, error), status=400)
    return visit.redirect(_url(current), "Saved.")


async def delete(visit: Visit) -> Response:
    """Revoke it."""
    current = await _current(visit)
    await visit.services.apikeys.delete(visit.caller, current.id)
    back = HOME + LIST.format(environment_id=current.environment_id)
    return visit.redirect(back, f"{current.name} is revoked: its tokens end within seconds.")


def body(form: Form, visit: Visit, blank: dict[str, Any]) -> dict[str, Any]:
    """The form as a body of the API: a set of keys, or one key, pasted as JSON. Raises Invalid."""
    made = blank | forms.body(form, forms.text("name"), forms.optional("jwksURL"))
    pasted = form.text("jwkSet")
    if pasted:
        try:
            found = json.loads(pasted)
        except (ValueError, RecursionError):
            found = None
        visit.require(isinstance(found, dict), "jwkSet", "invalid_json", "Paste a public key, or a set, as JSON.")
        made["jwkSet"] = found if "keys" in found else {"keys": [found]}
    return made


async def _current(visit: Visit) -> ApiKey:
    return await visit.services.apikeys.get(visit.caller, visit.path("apikey_id"))


async def _new(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER)
    return await visit.page("apikeys/new.html", at=environment_id, form=form, status=status)


async def _shown(visit: Visit, found: ApiKey, form: FormState, *, status: int = 200) -> Response:
    pasted = "" if found.jwk_set is None else json.dumps(found.jwk_set, indent=2)
    return await visit.page(
        "apikeys/one.html",
        at=found.environment_id,
        apikey=found,
        pasted=pasted,
        keys=(found.jwk_set or {"keys": []})["keys"],
        address=visit.services.address(),
        form=form,
        status=status,
    )


def _url(apikey: ApiKey) -> str:
    return HOME + ONE.format(apikey_id=apikey.id)


PAGES = [
    get(LIST, list_),
    get(f"{LIST}/new", new),
    post(f"{LIST}/new", create),
    get(ONE, show),
    post(ONE, update),
    post(f"{ONE}/delete", delete),
]
