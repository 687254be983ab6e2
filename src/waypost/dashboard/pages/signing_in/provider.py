"""Signing in by the identity provider: off to it, and back.

The browser keeps one secret meanwhile, and behind it the page to go on to.
"""

from urllib.parse import quote, unquote

from starlette.responses import RedirectResponse, Response

from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages.signing_in import entry
from waypost.dashboard.visits import cookies
from waypost.dashboard.visits.routes import open_get
from waypost.dashboard.visits.visit import Visit
from waypost.errors import NotFound
from waypost.sessions.model import COOKIE_LENGTH, NotSignedIn
from waypost.sessions.oidc import NotVouched, Provider

FLOW_SECONDS = 600


async def start(visit: Visit) -> Response:
    """Off to the provider."""
    provider = _provider(visit)
    wanted = addresses.next_page(visit.query("next"))
    flow = await provider.start()
    if isinstance(flow, NotVouched):
        return await entry.sign_in_form(visit, wanted, flow.reason, status=503)
    answer = RedirectResponse(flow.url, 303)
    kept = flow.secret + quote(wanted, safe="")
    cookies.keep(answer, visit.request, entry.FLOW_COOKIE, kept, seconds=FLOW_SECONDS)
    return answer


async def come_back(visit: Visit) -> Response:
    """Back from the provider, with what it says of who was there."""
    _provider(visit)
    kept = visit.cookie(cookies.name_on(visit.request, entry.FLOW_COOKIE))
    flow, wanted = kept[:COOKIE_LENGTH], addresses.next_page(unquote(kept[COOKIE_LENGTH:]))
    given = dict(visit.request.query_params)
    entered = await visit.services.sessions.come_from_provider(flow, given, **entry.arrival(visit))
    if isinstance(entered, NotVouched):
        return await entry.sign_in_form(visit, wanted, entered.reason, status=403)
    if isinstance(entered, NotSignedIn):
        words, status = entry.refusal(entered, entry.PASSWORD)
        return await entry.sign_in_form(visit, wanted, words, status=status)
    return await entry.let_in(visit, entered, wanted)


def _provider(visit: Visit) -> Provider:
    found = visit.services.sessions.provider
    if found is None:
        raise NotFound("identity provider")
    return found


PAGES = [open_get("/sign-in/provider", start), open_get("/sign-in/provider/callback", come_back)]
