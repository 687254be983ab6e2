"""Addresses of the dashboard: those that are written down in code, and where a browser is sent on to."""

from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

from waypost.sessions import model

HOME = "/dashboard"
SIGN_IN = "/dashboard/sign-in"
SECOND_FACTOR = "/dashboard/account/second-factor"


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
