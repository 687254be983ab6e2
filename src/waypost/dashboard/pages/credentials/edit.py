"""Make a credential, or change one, by a form that is drawn from the declared strategy.

`?destination=` comes from a destination that needs one: only what fits its kind is offered, the new one is
attached to it, and `?next=` says where to go on: `setup` to its wizard, else to its queues that drain.
"""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from waypost.access import ENGINEER, require_environment
from waypost.credentials.model import Credential
from waypost.credentials.strategies.strategy import Strategy
from waypost.dashboard.html import declared, forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.credentials import one
from waypost.dashboard.pages.destinations import draining, progress
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations.model import Destination
from waypost.errors import Invalid, NotFound, Stale
from waypost.web.routes.problems import status_of

NEW = "/credentials/new"
EDIT = "/credentials/{credential_id}/edit"


@dataclass(frozen=True, slots=True)
class Wish:
    """For which environment a credential is wanted, and for which destination, if for one."""

    environment_id: str
    destination: Destination | None
    then: str

    @property
    def query(self) -> dict[str, str]:
        """The same in an address."""
        if self.destination is None:
            return {"environment": self.environment_id}
        return {"destination": self.destination.id, "next": self.then}

    def strategies(self, visit: Visit) -> list[Strategy[Any]]:
        """Those that fit."""
        kind = self.destination.kind if self.destination else None
        every = visit.services.credentials.strategies.values()
        return [each for each in every if kind is None or kind.accepts(each.name)]


async def ask(visit: Visit) -> Response:
    """Choose a strategy; with one, its form."""
    wish = await _wish(visit)
    strategy = _chosen(visit, wish)
    if strategy is None:
        about = {each.name: declared.about(each) for each in wish.strategies(visit)}
        return await visit.page("credentials/choose.html", at=wish.environment_id, wish=wish, about=about)
    return await _new(visit, wish, strategy, forms.FormState())


async def create(visit: Visit) -> Response:
    """Make it, and attach it to the destination that it is for."""
    wish = await _wish(visit)
    strategy = _chosen(visit, wish)
    if strategy is None:
        raise NotFound("strategy")
    drawn = declared.of_strategy(strategy, {})
    body = declared.body(visit.form, drawn, {}) | forms.body(
        visit.form,
        forms.text("name"),
        forms.fixed("environmentId", wish.environment_id),
        forms.fixed("authStrategy", strategy.name),
    )
    try:
        made = await visit.services.credentials.create(visit.caller, body)
    except Invalid as error:
        return await _new(visit, wish, strategy, forms.refused(visit.form, error, *_secrets(drawn)), status=400)
    if wish.destination is None:
        return visit.redirect(f"{HOME}/credentials/{made.id}", "The credential is made.")
    return await _attached(visit, wish.destination, made, wish.then)


async def show(visit: Visit) -> Response:
    """The form of one that is there."""
    return await _edit(visit, await one.to_change(visit), forms.FormState())


async def save(visit: Visit) -> Response:
    """Change what differs."""
    found = await one.to_change(visit)
    fields = declared.of_credential(visit.services.credentials.strategies, found)
    body = declared.body(visit.form, fields, found.settings) | forms.body(visit.form, forms.text("name"))
    if_match = visit.form.text("etag") or None
    try:
        await visit.services.credentials.update(visit.caller, found.id, body, if_match=if_match)
    except (Invalid, Stale) as error:
        form = forms.refused(visit.form, error, *_secrets(fields))
        return await _edit(visit, found, form, status=status_of(error))
    words = "Saved. It is used from the next attempt on; held queues that use it are tried now."
    return visit.redirect(f"{HOME}/credentials/{found.id}", words)


async def _wish(visit: Visit) -> Wish:
    """Raises NotFound, and Forbidden unless the user is an engineer there."""
    destination, environment_id = None, visit.query("environment")
    if visit.query("destination"):
        destination = await visit.services.destinations.get(visit.caller, visit.query("destination"))
        environment_id = destination.environment_id
    require_environment(visit.caller, environment_id, ENGINEER)
    return Wish(environment_id, destination, "setup" if visit.query("next") == "setup" else "replace")


def _chosen(visit: Visit, wish: Wish) -> Strategy[Any] | None:
    fitting = wish.strategies(visit)
    if len(fitting) == 1:
        return fitting[0]
    return next((each for each in fitting if each.name == visit.query("strategy")), None)


async def _attached(visit: Visit, destination: Destination, made: Credential, then: str) -> Response:
    before = await draining.mark_now(visit, destination)
    changed = await visit.services.destinations.update(visit.caller, destination.id, {"authCredential": made.id})
    if then == "setup" and changed.setup_state is not None:
        await visit.services.destinations.put_setup(visit.caller, changed.id, progress.at(changed, "verify"))
        return visit.redirect(f"{HOME}/destinations/{destination.id}/setup/verify", f"{made.name} is made.")
    url = f"{HOME}/destinations/{destination.id}/replace-credential?{before.query}"
    return visit.redirect(url, f"{made.name} is made and attached. Held queues are tried now.")


async def _new(
    visit: Visit, wish: Wish, strategy: Strategy[Any], form: forms.FormState, *, status: int = 200
) -> Response:
    return await visit.page(
        "credentials/edit.html",
        at=wish.environment_id,
        status=status,
        credential=None,
        wish=wish,
        strategy=strategy.name,
        about=declared.about(strategy),
        fields=declared.of_strategy(strategy, {}),
        form=form,
    )


async def _edit(visit: Visit, found: Credential, form: forms.FormState, *, status: int = 200) -> Response:
    strategies = visit.services.credentials.strategies
    return await visit.page(
        "credentials/edit.html",
        at=found.environment_id,
        status=status,
        credential=found,
        wish=None,
        strategy=found.strategy,
        about=declared.about(strategies[found.strategy]),
        fields=declared.of_credential(strategies, found),
        form=form,
    )


def _secrets(fields: list[declared.Drawn]) -> list[str]:
    return [each.name for each in fields if each.is_secret]


PAGES = [get(NEW, ask), post(NEW, create), get(EDIT, show), post(EDIT, save)]
