"""What the pages of signing in share: the form, its refusals, and the cookie of whoever has got in."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.html.words import span
from waypost.dashboard.navigation import addresses
from waypost.dashboard.visits import cookies
from waypost.dashboard.visits.visit import Visit
from waypost.sessions.model import NotSignedIn, SignedIn
from waypost.web.routes.callers import client_ip

STEP_COOKIE = "waypost_step"
FLOW_COOKIE = "waypost_flow"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What a refusal says: `now` to whoever may try again at once, `later` to whoever has to wait."""

    now: str
    later: str


PASSWORD = Wrong("The e-mail address or the password is wrong.", "That was wrong, or was tried too often.")
CODE = Wrong("This code is wrong, or was used before.", "That was wrong, or was tried too often.")


def arrival(visit: Visit) -> dict[str, str]:
    """Where the request comes from, as the room of sessions takes it, for waits and the audit trail."""
    request = visit.request
    route = f"{request.method} {addresses.told_path(request.scope['path'])}"
    return {"ip": client_ip(request), "request_id": request.state.request_id, "route": route}


async def sign_in_form(visit: Visit, wanted: str, headline: str = "", *, status: int = 200) -> Response:
    """The form to sign in with, and why the last try did not work."""
    provider = visit.services.sessions.provider
    return await visit.page(
        "sign_in.html",
        status=status,
        form=FormState(forms.given(visit.form, "password"), headline=headline),
        wanted=wanted,
        provider=None if provider is None else provider.name,
    )


def refusal(refused: NotSignedIn, wrong: Wrong) -> tuple[str, int]:
    """A refusal in words, and its status."""
    if not refused.wait_seconds:
        return wrong.now, 403
    return f"{wrong.later} No try counts for the next {span(refused.wait_seconds)}.", 429


async def let_in(visit: Visit, signed_in: SignedIn, wanted: str) -> Response:
    """On to the page that was wanted, with the new session; one that this browser had before ends."""
    if visit.signed_in is not None:
        await visit.services.sessions.sign_out(visit.caller, visit.signed_in)
    answer = visit.redirect(addresses.next_page(wanted))
    give(answer, visit, signed_in)
    for name in (STEP_COOKIE, FLOW_COOKIE, cookies.BROWSER):
        cookies.drop(answer, visit.request, name)
    return answer


def give(answer: Response, visit: Visit, signed_in: SignedIn) -> None:
    """Give the browser the session's cookie; it keeps it while it is open."""
    cookies.keep(answer, visit.request, cookies.SESSION, signed_in.cookie)


def renewed(visit: Visit, signed_in: SignedIn) -> Visit:
    """The visit, in the session under its new cookie: what the page shows has the new token."""
    return replace(visit, signed_in=signed_in.session)
