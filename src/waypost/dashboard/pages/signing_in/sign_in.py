"""Signing in with a password, and a code where one is asked for; signing out."""

from starlette.responses import Response

from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages.signing_in import entry
from waypost.dashboard.visits import cookies
from waypost.dashboard.visits.routes import open_get, open_post, owed_post
from waypost.dashboard.visits.visit import Visit
from waypost.sessions.model import STEP_MS, Expired, NeedsCode, NotSignedIn

CODE = f"{addresses.SIGN_IN}/code"


async def show(visit: Visit) -> Response:
    """The form; whoever is signed in goes on."""
    if visit.signed_in is not None:
        return visit.redirect(addresses.next_page(visit.query("next")))
    return await entry.sign_in_form(visit, visit.query("next"))


async def sign_in(visit: Visit) -> Response:
    """With e-mail address and password."""
    wanted = visit.form.text("next")
    entered = await visit.services.sessions.sign_in(
        visit.form.text("email"), visit.form.raw("password"), **entry.arrival(visit)
    )
    if isinstance(entered, NotSignedIn):
        words, status = entry.refusal(entered, entry.PASSWORD)
        return await entry.sign_in_form(visit, wanted, words, status=status)
    if isinstance(entered, NeedsCode):
        answer = visit.redirect(CODE, query={"next": addresses.next_page(wanted)})
        cookies.keep(answer, visit.request, entry.STEP_COOKIE, entered.step, seconds=STEP_MS // 1000)
        return answer
    return await entry.let_in(visit, entered, wanted)


async def show_code(visit: Visit) -> Response:
    """The form for the code."""
    if not _step(visit):
        return visit.redirect(addresses.SIGN_IN)
    return await _code_form(visit, visit.query("next"))


async def give_code(visit: Visit) -> Response:
    """With a code of the app, or a recovery code."""
    wanted = visit.form.text("next")
    entered = await visit.services.sessions.second_step(
        _step(visit), visit.form.text("code"), **entry.arrival(visit)
    )
    if isinstance(entered, Expired):
        answer = visit.redirect(addresses.SIGN_IN, "That took too long. Sign in again.", kind="note")
        cookies.drop(answer, visit.request, entry.STEP_COOKIE)
        return answer
    if isinstance(entered, NotSignedIn):
        words, status = entry.refusal(entered, entry.CODE)
        return await _code_form(visit, wanted, words, status=status)
    return await entry.let_in(visit, entered, wanted)


async def sign_out(visit: Visit) -> Response:
    """End the session, here and in the store."""
    await visit.services.sessions.sign_out(visit.caller, visit.session)
    answer = visit.redirect(addresses.SIGN_IN, "You are signed out.")
    cookies.drop(answer, visit.request, cookies.SESSION)
    return answer


def _step(visit: Visit) -> str:
    return visit.cookie(cookies.name_on(visit.request, entry.STEP_COOKIE))


async def _code_form(visit: Visit, wanted: str, headline: str = "", *, status: int = 200) -> Response:
    return await visit.page("code.html", status=status, form=FormState(headline=headline), wanted=wanted)


PAGES = [
    open_get("/sign-in", show),
    open_post("/sign-in", sign_in),
    open_get("/sign-in/code", show_code),
    open_post("/sign-in/code", give_code),
    owed_post("/sign-out", sign_out),
]
