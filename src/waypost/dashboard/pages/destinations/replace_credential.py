"""Replace the credential of a destination that takes nothing any more, and watch its queue drain.

The page at night: why it is held, what is tried next, one form for the new secret, and the queue as it moves.
"""

from dataclasses import dataclass

from starlette.responses import Response

from waypost.credentials import store as credentials
from waypost.credentials.model import Credential
from waypost.dashboard.html import declared, forms
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.destinations import draining
from waypost.dashboard.pages.destinations.draining import AtChange
from waypost.dashboard.pages.destinations.edit import fitting, to_change
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.destinations import store as destinations
from waypost.destinations.model import Destination
from waypost.errors import Invalid, Stale
from waypost.web.routes.problems import status_of

PATH = "/destinations/{destination_id}/replace-credential"
MOST_NAMED = 6
SECRETS = ("verificationToken",)


@dataclass(frozen=True, slots=True)
class Used:
    """The destination's credential, its fields, and who else uses it."""

    credential: Credential
    fields: list[declared.Drawn]
    others: list[Destination]

    @property
    def secrets(self) -> list[declared.Drawn]:
        """What is replaced: what is stored, and what there has to be."""
        return [each for each in self.fields if each.is_secret and (each.stored or each.is_required)]

    @property
    def settings(self) -> list[declared.Drawn]:
        """What may have changed with it."""
        return [each for each in self.fields if each.is_first and not each.is_secret]


async def show(visit: Visit) -> Response:
    """The reason, the forms, the queue. Who may not change anything is shown the rest."""
    found = await visit.services.destinations.get(visit.caller, visit.path("destination_id"))
    return await _shown(visit, found, forms.FormState())


async def save(visit: Visit) -> Response:
    """Give the credential its new secret, attach another one, or send another token; then watch."""
    found = await to_change(visit)
    used = await _used(visit, found)
    mark = await draining.mark_now(visit, found)
    how = visit.form.text("how")
    try:
        if how == "secret" and used is not None:
            body = declared.body(visit.form, [*used.secrets, *used.settings], used.credential.settings)
            await visit.services.credentials.update(visit.caller, used.credential.id, body)
        elif how == "token":
            body = forms.body(visit.form, forms.text("verificationToken"))
            await visit.services.destinations.update(visit.caller, found.id, body)
        else:
            body = forms.body(visit.form, forms.nullable("authCredential"))
            await visit.services.destinations.update(visit.caller, found.id, body)
    except (Invalid, Stale) as error:
        hidden = [each.name for each in used.secrets] if used else []
        return await _shown(
            visit, found, forms.refused(visit.form, error, *hidden, *SECRETS), status=status_of(error)
        )
    return visit.redirect(
        f"{HOME}/destinations/{found.id}/replace-credential?{mark.query}",
        "Saved. Every held queue that this concerns is tried now.",
    )


async def _used(visit: Visit, found: Destination) -> Used | None:
    credential_id = found.credential_id
    if credential_id is None:
        return None
    credential, users = await visit.services.db.read(
        lambda tx: (
            credentials.exists_in(tx, found.environment_id, credential_id),
            destinations.using(tx, credential_id, count=MOST_NAMED),
        )
    )
    if credential is None:
        return None
    others = [each for each in users if each.id != found.id]
    return Used(credential, declared.of_credential(visit.services.credentials.strategies, credential), others)


async def _shown(visit: Visit, found: Destination, form: forms.FormState, *, status: int = 200) -> Response:
    mark = AtChange.of(visit)
    others = [each for each in await fitting(visit, found) if each.id != found.credential_id]
    return await visit.page(
        "destinations/replace_credential.html",
        at=found.environment_id,
        status=status,
        destination=found,
        used=await _used(visit, found),
        options=[(each.id, f"{each.name} · {each.strategy}") for each in others],
        moment=await draining.now(visit, found, mark),
        mark=mark,
        how=visit.form.text("how"),
        form=form,
    )


PAGES = [get(PATH, show), post(PATH, save)]
