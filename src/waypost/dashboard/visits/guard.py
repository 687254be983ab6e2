"""Whether a request really comes from our own pages, and how to ask who sent it (`Resume`).

A session is what the sign-in made; this room only asks for it.
"""

import hmac
from collections.abc import Awaitable
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from waypost.errors import Forbidden
from waypost.sessions.model import Session

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"


class Resume(Protocol):
    """From the cookie's value and the caller's address to the session; None when there is none or it has ended.

    With `used` its idle end moves: somebody is there.
    """

    def __call__(self, cookie: str, ip: str, *, used: bool = True) -> Awaitable[Session | None]:
        """The session."""
        ...


class ForeignRequest(Forbidden):
    """The request does not come from one of our pages, or from one of another sign-in."""

    code = "foreign_request"
    title = "This did not come from this page"


def require_our_page(request: Request) -> None:
    """Raise ForeignRequest unless the browser says that one of our own pages made this request.

    Browsers send `Sec-Fetch-Site` on secure connections and `Origin` with every POST: one of them must be there.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignRequest("Another site sent this. Open the page here and try again.")
        return
    origin = request.headers.get("origin", "")
    parts = urlsplit(origin)
    if not origin or (parts.scheme, parts.netloc) != (request.url.scheme, request.url.netloc):
        raise ForeignRequest("Another site sent this, or the browser does not say who did. Open the page here.")


def require_csrf(csrf: str, given: str) -> None:
    """Raise ForeignRequest unless the form carries the token of this sign-in, or of this browser before it."""
    if not given or not hmac.compare_digest(given.encode(errors="replace"), csrf.encode()):
        raise ForeignRequest("This page is from an earlier sign-in. Load it again, and then send it.")
