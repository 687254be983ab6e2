"""Who is signed in, and whether a request really comes from our own pages.

A session is what the sign-in made; this room only asks for it (`Resume`). The cookie's name depends on the
scheme: under TLS it has the `__Host-` prefix, so that no other host and no plain-text neighbour can set it.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

from waypost.access import User
from waypost.errors import Forbidden

COOKIE = "waypost_session"
SECURE_COOKIE = "__Host-waypost_session"

HOME = "/dashboard"
SIGN_IN = "/dashboard/sign-in"
SECOND_FACTOR = "/dashboard/sign-in/second-factor"

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"


class Session(Protocol):
    """Somebody who signed in. `user` has the roles as they are now."""

    @property
    def user(self) -> User:
        """The principal that services take."""
        ...

    @property
    def user_id(self) -> int:
        """The user's number."""
        ...

    @property
    def email(self) -> str:
        """What the user signs in with."""
        ...

    @property
    def name(self) -> str:
        """What the user is called."""
        ...

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        ...

    @property
    def needs_second_factor(self) -> bool:
        """Whether the sign-in is only half done."""
        ...


Resume = Callable[[str, str], Awaitable[Session | None]]
"""From the cookie's value and the caller's address to the session, None when there is none or it has ended."""


async def nobody(cookie: str, ip: str) -> Session | None:
    """The `Resume` of a server where no one can sign in."""
    return None


class ForeignRequest(Forbidden):
    """The request does not come from one of our pages, or from one of another sign-in."""

    code = "foreign_request"
    title = "This did not come from this page"


def is_secure(request: Request) -> bool:
    """Whether the browser's connection is encrypted (behind a trusted proxy: the browser's to the proxy)."""
    return request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    """What the session cookie is called on this connection."""
    return SECURE_COOKIE if is_secure(request) else COOKIE


def sign_in_url(request: Request) -> str:
    """Where to sign in; afterwards the browser goes on to the page that was asked for."""
    if request.method not in {"GET", "HEAD"} or request.url.path == HOME:
        return SIGN_IN
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{SIGN_IN}?{urlencode({'next': wanted})}"


def next_page(wanted: str) -> str:
    """Where to go after signing in: the wanted page when it is one of ours, else the first one."""
    parts = urlsplit(wanted)
    ours = parts.path == HOME or parts.path.startswith(f"{HOME}/")
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if ours and plain and not parts.scheme and not parts.netloc else HOME


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


def require_csrf(session: Session, given: str) -> None:
    """Raise ForeignRequest unless the form carries the session's token."""
    if not given or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise ForeignRequest("This page is from an earlier sign-in. Load it again, and then send it.")
