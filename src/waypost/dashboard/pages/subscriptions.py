"""Subscriptions: which source's messages of which data model go where. A list, a new one, one with its rules."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import Form, FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.db.database import Tx
from waypost.destinations import listing
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.errors import Conflict, Invalid
from waypost.queues import standing
from waypost.queues.standing import Standing
from waypost.sources import store as sources
from waypost.sources.model import Source
from waypost.subscriptions.model import Subscription, SubscriptionQuery
from waypost.web.routes.problems import status_of

LIST = "/environments/{environment_id}/subscriptions"
ONE = "/subscriptions/{subscription_id}"
A_PAGE = 50
MOST_CHOICES = 200
"""So many destinations are offered in a choice; with more of them one searches first."""


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription with the names of its ends and how its queues stand."""

    subscription: Subscription
    source: str
    destination: str
    standing: Standing


async def list_(visit: Visit) -> Response:
    """The environment's subscriptions, by page."""
    environment_id = visit.path("environment_id")
    search = visit.query("search")[:255]
    text = visit.query("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else 1
    wanted = SubscriptionQuery(term=search or None)
    found, total = await visit.services.subscriptions.list(
        visit.caller, environment_id, wanted, offset=(max(number, 1) - 1) * A_PAGE, count=A_PAGE
    )
    rows = await visit.services.db.read(lambda tx: _rows(tx, environment_id, list(found)))
    more = number * A_PAGE < total
    return await visit.page(
        "subscriptions/list.html",
        at=environment_id,
        rows=rows,
        total=total,
        search=search,
        following=number + 1 if more else 0,
        is_first=number <= 1,
    )


async def new(visit: Visit) -> Response:
    """The form for another one; `source` and `destination` may be chosen by the address."""
    chosen = {"source/id": visit.query("source"), "destination/id": visit.query("destination")}
    return await _new(visit, FormState(chosen))


async def create(visit: Visit) -> Response:
    """Make it, with its queue."""
    environment_id = visit.path("environment_id")
    body = forms.body(visit.form, forms.text("source/id"), forms.text("destination/id"), forms.text("dataModel"))
    try:
        made = await visit.services.subscriptions.create(visit.caller, environment_id, body)
    except (Invalid, Conflict) as error:
        return await _new(visit, forms.refused(visit.form, error), status=status_of(error))
    return visit.redirect(_url(made), "Subscribed. Messages are routed there from the next one on.")


async def show(visit: Visit) -> Response:
    """One subscription: its ends, how its queues stand, its rules."""
    return await _shown(visit, await _current(visit), FormState())


async def update(visit: Visit) -> Response:
    """Change its rules: order per patient, and parking."""
    current = await _current(visit)
    try:
        await visit.services.subscriptions.update(visit.caller, current.id, rules(visit.form))
    except Invalid as error:
        return await _shown(visit, current, forms.refused(visit.form, error), status=400)
    return visit.redirect(_url(current), "Saved. What is queued already keeps its order.")


async def delete(visit: Visit) -> Response:
    """Take it away; what is pending needs a reason to end."""
    current = await _current(visit)
    body = forms.body(visit.form, forms.optional("reason"))
    try:
        skipped = await visit.services.subscriptions.delete(visit.caller, current.id, body)
    except (Invalid, Conflict) as error:
        return await _shown(visit, current, forms.refused(visit.form, error), status=status_of(error))
    ended = f" {skipped} pending messages ended skipped." if skipped else ""
    return visit.redirect(
        HOME + LIST.format(environment_id=current.environment_id), f"The subscription is gone.{ended}"
    )


def rules(form: Form) -> dict[str, Any]:
    """The form's two rules as the body of a change: a rule that is not ticked is none."""
    children = forms.body(form, forms.text("childQueues/identifierType"), forms.text("childQueues/path"))
    park = forms.body(form, forms.numbers("park/statuses"), forms.integer("park/after"))
    return {
        "childQueues": children.get("childQueues") if "perPatient" in form else None,
        "park": park.get("park") if "parking" in form else None,
    }


async def _current(visit: Visit) -> Subscription:
    return await visit.services.subscriptions.get(visit.caller, visit.path("subscription_id"))


async def _new(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    environment_id = visit.path("environment_id")
    require_environment(visit.caller, environment_id, ENGINEER)
    find, chosen = visit.query("find")[:255], form.value("destination/id")

    def read(tx: Tx) -> tuple[list[Source], list[Destination], bool]:
        finished = [each for each in sources.list_of(tx, environment_id) if each.setup_state is None]
        wanted = listing.DestinationQuery(environment_id, standing.held_destinations(environment_id), find, "all")
        found = listing.page(tx, wanted, after=None, count=MOST_CHOICES)
        offered = [each for each in found[:MOST_CHOICES] if each.setup_state is None]
        if chosen and chosen not in {each.id for each in offered}:
            named = destinations.some(tx, [chosen])
            offered = [each for each in named if each.environment_id == environment_id] + offered
        return finished, offered, len(found) > MOST_CHOICES

    found, offered, are_more = await visit.services.db.read(read)
    return await visit.page(
        "subscriptions/new.html",
        at=environment_id,
        form=form,
        sources=found,
        destinations=offered,
        are_more=are_more,
        find=find,
        status=status,
    )


async def _shown(visit: Visit, found: Subscription, form: FormState, *, status: int = 200) -> Response:
    [row] = await visit.services.db.read(lambda tx: _rows(tx, found.environment_id, [found]))
    return await visit.page("subscriptions/one.html", at=found.environment_id, row=row, form=form, status=status)


def _rows(tx: Tx, environment_id: str, found: list[Subscription]) -> list[SubscriptionRow]:
    sending = {each.id: each.name for each in sources.list_of(tx, environment_id)}
    receiving = {each.id: each.name for each in destinations.some(tx, [one.destination_id for one in found])}
    standings = standing.of_subscriptions(tx, [one.id for one in found])
    return [
        SubscriptionRow(
            one,
            sending.get(one.source_id, ""),
            receiving.get(one.destination_id, ""),
            standings.get(one.id, Standing()),
        )
        for one in found
    ]


def _url(subscription: Subscription) -> str:
    return HOME + ONE.format(subscription_id=subscription.id)


PAGES = [
    get(LIST, list_),
    get(f"{LIST}/new", new),
    post(f"{LIST}/new", create),
    get(ONE, show),
    post(ONE, update),
    post(f"{ONE}/delete", delete),
]
