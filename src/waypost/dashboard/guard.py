"""Who is signed in, and whether a request really comes from our own pages.

A session is what the sign-in made; this room only asks for it (`Resume`). The cookie's name depends on the
scheme: under TLS it has the `__Host-` prefix, so that no other host and no plain-text neighbour can set it.
"""

import hmac
from collections.abc import Awaitable
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from waypost import ids
from waypost.errors import Forbidden
from waypost.sessions import model
from waypost.sessions.model import Session

COOKIE = "waypost_session"
BROWSER_COOKIE = "waypost_browser"
"""Stands for a browser in which nobody is signed in, so that the forms it sends are those it was given."""

HOME = "/dashboard"
SIGN_IN = "/dashboard/sign-in"
SECOND_FACTOR = "/dashboard/account/second-factor"

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


def is_secure(request: Request) -> bool:
    """Whether the browser's connection is encrypted (behind a trusted proxy: the browser's to the proxy)."""
    return request.url.scheme == "https"


def cookie_name(request: Request, name: str = COOKIE) -> str:
    """What the session cookie, or another of signing in, is called on this connection."""
    return f"__Host-{name}" if is_secure(request) else name


def keep(answer: Response, request: Request, name: str, value: str, *, seconds: int | None = None) -> None:
    """Have the browser keep a cookie of signing in: for our pages, from our pages, and for no script."""
    answer.set_cookie(
        cookie_name(request, name), value, max_age=seconds, path=_path(request), httponly=True, samesite="lax",
        secure=is_secure(request),
    )  # fmt: skip


def drop(answer: Response, request: Request, name: str) -> None:
    """Have the browser forget such a cookie."""
    answer.delete_cookie(
        cookie_name(request, name), path=_path(request), httponly=True, samesite="lax", secure=is_secure(request)
    )


def _path(request: Request) -> str:
    """`__Host-` cookies are for the whole host; others need not be sent beyond our pages."""
    return "/" if is_secure(request) else HOME


def browser_of(request: Request) -> str:
    """What stands for this browser while nobody is signed in; a fresh secret where there is none yet."""
    given = request.cookies.get(cookie_name(request, BROWSER_COOKIE), "")
    return given if model.is_cookie(given) else ids.new_secret()


def told_path(path: str) -> str:
    """The path of a request as it may be written down: without the secret of an invitation."""
    return f"{model.INVITATIONS}/…" if path.startswith(f"{model.INVITATIONS}/") else path


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


def require_csrf(csrf: str, given: str) -> None:
    """Raise ForeignRequest unless the form carries the token of this sign-in, or of this browser before it."""
    if not given or not hmac.compare_digest(given.encode(errors="replace"), csrf.encode()):
        raise ForeignRequest("This page is from an earlier sign-in. Load it again, and then send it.")
