"""Sources: the systems that send messages. A list, a new one, and one with what it is subscribed by."""

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.destinations import store as destinations
from waypost.errors import Conflict, Invalid
from waypost.sources.model import Source
from waypost.subscriptions import store as subscriptions
from waypost.subscriptions.model import Subscription, SubscriptionQuery

LIST = "/environments/{environment_id}/sources"
ONE = "/sources/{source_id}"
MOST_NAMED = 50
_NEW = (
    forms.text("name"),
    forms.optional("timeZone"),
    forms.optional("dataFormat"),
    forms.optional("ehr"),
)
_CHANGED = (forms.text("name"), forms.nullable("timeZone"))


async def list_(visit: Visit) -> Response:
    """The environment's sources."""
    environment_id = visit.path("environment_id")
    found = await visit.services.sources.list(visit.caller, environment_id)
    return await visit.page("sources/list.html", at=environment_id, sources=found)


async def new(visit: Visit) -> Response:
    """The form for another one."""
    return await _new(visit, FormState())


async def create(visit: Visit) -> Response:
    """Make it."""
    environment_id = visit.path("environment_id")
    try:
        made = await visit.services.sources.create(visit.caller, environment_id, forms.body(visit.form, *_NEW))
    except Invalid as error:
        return await _new(visit, forms.refused(visit.form, error), status=400)
    return visit.redirect(_url(made), f"{made.name} is there. Subscribe a destination to it.")


async def show(visit: Visit) -> Response:
    """One source: what it is, who is subscribed to it, and how it sends."""
    found = await visit.services.sources.get(visit.caller, visit.path("source_id"))
    return await _shown(visit, found, FormState())


async def update(visit: Visit) -> Response:
    """Change its name and time zone."""
    source_id = visit.path("source_id")
    current = await visit.services.sources.get(visit.caller, source_id)
    try:
        after = await visit.services.sources.update(visit.caller, source_id, forms.body(visit.form, *_CHANGED))
    except Invalid as error:
        return await _shown(visit, current, forms.refused(visit.form, error), status=400)
    return visit.redirect(_url(after), "Saved.")


async def finish(visit: Visit) -> Response:
    """End its set-up, so that destinations can subscribe."""
    after = await visit.services.sources.update(visit.caller, visit.path("source_id"), {"setupState": None})
    return visit.redirect(_url(after), "The set-up is finished.")


async def delete(visit: Visit) -> Response:
    """Take it away."""
    current = await visit.services.sources.get(visit.caller, visit.path("source_id"))
    try:
        await visit.services.sources.delete(visit.caller, current.id)
    except Conflict as error:
        return await _shown(visit, current, FormState(headline=error.detail), status=409)
    return visit.redirect(HOME + LIST.format(environment_id=current.environment_id), f"{current.name} is gone.")


async def _new(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER)
    return await visit.page("sources/new.html", at=environment_id, form=form, status=status)


async def _shown(visit: Visit, found: Source, form: FormState, *, status: int = 200) -> Response:
    def read(tx: Tx) -> tuple[list[tuple[Subscription, str]], int]:
        own = SubscriptionQuery(source_id=found.id)
        mine, total = subscriptions.page(tx, found.environment_id, own, offset=0, count=MOST_NAMED)
        names = {each.id: each.name for each in destinations.some(tx, [one.destination_id for one in mine])}
        return [(one, names.get(one.destination_id, "")) for one in mine], total

    named, total = await visit.services.db.read(read)
    return await visit.page(
        "sources/one.html",
        at=found.environment_id,
        source=found,
        subscriptions=named,
        total=total,
        address=visit.services.address(),
        form=form,
        status=status,
    )


def _url(source: Source) -> str:
    return HOME + ONE.format(source_id=source.id)


PAGES = [
    get(LIST, list_),
    get(f"{LIST}/new", new),
    post(f"{LIST}/new", create),
    get(ONE, show),
    post(ONE, update),
    post(f"{ONE}/finish", finish),
    post(f"{ONE}/delete", delete),
]
