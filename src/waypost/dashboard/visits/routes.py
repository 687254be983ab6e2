"""How a page says where it is: `PAGES = [get("/environments/{environment_id}/queues", show), …]`.

Paths are below `/dashboard`; an empty one is `/dashboard` itself. A page is an async function from a `Visit` to a
response. `open_get` and `open_post` are for the few pages that nobody needs to be signed in for.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from waypost.dashboard.visits.visit import Visit

Show = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one path. On `is_open` pages `visit.signed_in` may be None.

    Whoever still owes a second factor sees `is_owed` and open pages alone.
    """

    method: str
    path: str
    show: Show
    is_open: bool = False
    is_owed: bool = False


def get(path: str, show: Show) -> Page:
    """A page to look at."""
    return Page("GET", path, show)


def post(path: str, show: Show) -> Page:
    """What a form is sent to; the session's token has been checked when `show` is called."""
    return Page("POST", path, show)


def owed_get(path: str, show: Show) -> Page:
    """A page for whoever is signed in, also while a second factor is still owed."""
    return Page("GET", path, show, is_owed=True)


def owed_post(path: str, show: Show) -> Page:
    """What a form of such a page is sent to."""
    return Page("POST", path, show, is_owed=True)


def open_get(path: str, show: Show) -> Page:
    """A page for everybody."""
    return Page("GET", path, show, is_open=True)


def open_post(path: str, show: Show) -> Page:
    """What a form of a page for everybody is sent to; it still comes from one of our pages."""
    return Page("POST", path, show, is_open=True)
