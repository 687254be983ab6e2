"""Setting up the second factor, also for whoever may do nothing else before; its codes; taking it away."""

from starlette.responses import Response

from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages.account import own
from waypost.dashboard.pages.signing_in import entry
from waypost.dashboard.visits.routes import owed_get, owed_post, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Conflict
from waypost.sessions.accounts import WithCodes
from waypost.sessions.model import Expired, NotSignedIn

PATH = "/account/second-factor"


async def show(visit: Visit) -> Response:
    """The picture for the app once that was begun, else how to begin."""
    return await _shown(visit, FormState())


async def begin(visit: Visit) -> Response:
    """A fresh secret, for whoever knows the password."""
    try:
        begun = await visit.services.accounts.begin_factor(visit.caller, visit.session, visit.form.raw("password"))
    except Conflict as error:
        return visit.redirect(own.ACCOUNT, error.detail, kind="warning")
    if isinstance(begun, NotSignedIn):
        words, status = entry.refusal(begun, entry.Wrong("The password is wrong.", entry.PASSWORD.later))
        return await _shown(visit, FormState(headline=words), status=status)
    return visit.redirect(addresses.SECOND_FACTOR)


async def confirm(visit: Visit) -> Response:
    """The first code: from now on codes are asked for."""
    done = await visit.services.accounts.confirm_factor(visit.caller, visit.session, visit.form.text("code"))
    if isinstance(done, Expired):
        return visit.redirect(addresses.SECOND_FACTOR, "Begin again: this was begun elsewhere since.", kind="note")
    if isinstance(done, NotSignedIn):
        words, status = entry.refusal(done, entry.CODE)
        return await _shown(visit, FormState(headline=words), status=status)
    return await _codes(visit, done)


async def remove(visit: Visit) -> Response:
    """No codes any more, for whoever has one."""
    done = await visit.services.accounts.remove_factor(visit.caller, visit.session, visit.form.text("code"))
    if isinstance(done, NotSignedIn):
        words, status = entry.refusal(done, entry.CODE)
        return await own.shown(visit, factor=FormState(headline=words), status=status)
    answer = visit.redirect(own.ACCOUNT, "The second factor is removed.")
    entry.give(answer, visit, done)
    return answer


async def renew_codes(visit: Visit) -> Response:
    """Fresh recovery codes, for whoever has a code."""
    code = visit.form.text("code")
    done = await visit.services.accounts.renew_recovery_codes(visit.caller, visit.session, code)
    if isinstance(done, NotSignedIn):
        words, status = entry.refusal(done, entry.CODE)
        return await own.shown(visit, factor=FormState(headline=words), status=status)
    return await _codes(visit, done)


async def _shown(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    found = await visit.services.accounts.look(visit.session)
    if found.factor_since_ms is not None:
        return visit.redirect(own.ACCOUNT)
    begun = await visit.services.accounts.begun_factor(visit.session)
    asks = found.has_password and not visit.session.needs_second_factor
    return await visit.page("second_factor.html", status=status, begun=begun, asks_password=asks, form=form)


async def _codes(visit: Visit, done: WithCodes) -> Response:
    """The recovery codes, which are shown this once, under the session's new cookie."""
    answer = await entry.renewed(visit, done.signed_in).page("recovery_codes.html", codes=done.recovery_codes)
    entry.give(answer, visit, done.signed_in)
    return answer


PAGES = [
    owed_get(PATH, show),
    owed_post(PATH, begin),
    owed_post(f"{PATH}/confirm", confirm),
    post(f"{PATH}/remove", remove),
    post(f"{PATH}/recovery-codes", renew_codes),
]
