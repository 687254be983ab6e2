"""The cookies of signing in: how they are called, kept and dropped.

The name depends on the scheme: under TLS it has the `__Host-` prefix, so that no other host and no plain-text
neighbour can set the cookie.
"""

from starlette.requests import Request
from starlette.responses import Response

from waypost import ids
from waypost.dashboard.navigation.addresses import HOME
from waypost.sessions import model

SESSION = "waypost_session"
BROWSER = "waypost_browser"
"""Stands for a browser in which nobody is signed in, so that the forms it sends are those it was given."""


def is_secure(request: Request) -> bool:
    """Whether the browser's connection is encrypted (behind a trusted proxy: the browser's to the proxy)."""
    return request.url.scheme == "https"


def name_on(request: Request, name: str = SESSION) -> str:
    """What the session cookie, or another of signing in, is called on this connection."""
    return f"__Host-{name}" if is_secure(request) else name


def keep(answer: Response, request: Request, name: str, value: str, *, seconds: int | None = None) -> None:
    """Have the browser keep a cookie of signing in: for our pages, from our pages, and for no script."""
    answer.set_cookie(
        name_on(request, name), value, max_age=seconds, path=_path(request), httponly=True, samesite="lax",
        secure=is_secure(request),
    )  # fmt: skip


def drop(answer: Response, request: Request, name: str) -> None:
    """Have the browser forget such a cookie."""
    answer.delete_cookie(
        name_on(request, name), path=_path(request), httponly=True, samesite="lax", secure=is_secure(request)
    )


def _path(request: Request) -> str:
    """`__Host-` cookies are for the whole host; others need not be sent beyond our pages."""
    return "/" if is_secure(request) else HOME


def browser_of(request: Request) -> str:
    """What stands for this browser while nobody is signed in; a fresh secret where there is none yet."""
    given = request.cookies.get(name_on(request, BROWSER), "")
    return given if model.is_cookie(given) else ids.new_secret()
