"""The own account: the password, the second factor, and the other sessions."""

from starlette.responses import Response

from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.pages.signing_in import entry
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Invalid
from waypost.sessions.model import NotSignedIn

ACCOUNT = f"{HOME}/account"


async def show(visit: Visit) -> Response:
    """Everything about it."""
    return await shown(visit)


async def change_password(visit: Visit) -> Response:
    """Another password, for whoever knows the one so far."""
    current, new, again = (visit.form.raw(name) for name in ("current", "password", "again"))
    try:
        visit.require(new == again, "again", "differs", "These are two different passwords.")
        changed = await visit.services.accounts.change_password(visit.caller, visit.session, current, new)
    except Invalid as error:
        state = FormState(faults=error.faults, headline="The password is as it was.")
        return await shown(visit, password=state, status=400)
    if isinstance(changed, NotSignedIn):
        words, status = entry.refusal(changed, entry.Wrong("The current password is wrong.", entry.PASSWORD.later))
        return await shown(visit, password=FormState(headline=words), status=status)
    answer = visit.redirect(ACCOUNT, "The password is changed, and every other session has ended.")
    entry.give(answer, visit, changed)
    return answer


async def end_others(visit: Visit) -> Response:
    """End every other session."""
    session = visit.session
    ended = await visit.services.sessions.sign_out_everywhere(visit.caller, session.user_id, but=session.id)
    words = "There was no other session." if not ended else f"Other sessions that have ended: {ended}."
    return visit.redirect(ACCOUNT, words)


async def shown(
    visit: Visit, *, password: FormState | None = None, factor: FormState | None = None, status: int = 200
) -> Response:
    """The page, with what was wrong in one of its forms."""
    account = await visit.services.accounts.look(visit.session)
    return await visit.page(
        "account.html",
        status=status,
        account=account,
        password=password or FormState(),
        factor=factor or FormState(),
    )


PAGES = [
    get("/account", show),
    post("/account/password", change_password),
    post("/account/sessions/end", end_others),
]
