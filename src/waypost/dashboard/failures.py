"""Errors as pages: the same words as the API's, never JSON, and nothing of what was sent."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from waypost import errors
from waypost.dashboard.html.view import View
from waypost.dashboard.navigation import addresses
from waypost.web.routes import problems

SURPRISE = "This is a fault of ours. The server's log has it under the request id below."


def answer(view: View, request: Request, error: errors.WaypostError) -> Response:
    """An error as a page; who is nobody goes to sign in."""
    if isinstance(error, errors.Unauthenticated):
        return to_sign_in(request)
    status = problems.status_of(error)
    headers = {name: value for name, value in problems.headers_of(error).items() if name != "WWW-Authenticate"}
    faults = error.faults if isinstance(error, errors.Invalid) else ()
    return _page(view, request, status, error.title, error.detail, faults, headers)


def of_routing(view: View, request: Request, error: HTTPException) -> Response:
    """What the table of pages does not have."""
    if error.status_code == 405:
        detail = "This address is for a form; go back and send it from there."
        return _page(view, request, 405, "Nothing to look at here", detail, (), dict(error.headers or {}))
    return _page(view, request, error.status_code, "Not found", "There is no such page.")


def surprise(view: View, request: Request) -> Response:
    """The answer to a fault of ours."""
    return _page(view, request, 500, "Something broke", SURPRISE)


def to_sign_in(request: Request, url: str = "") -> Response:
    """Go and sign in; htmx and streams are told so by a header, as they would swap the page in."""
    target = url or addresses.sign_in_url(request)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=200, headers={"hx-redirect": addresses.SIGN_IN})
    return RedirectResponse(target, 303)


def _page(
    view: View,
    request: Request,
    status: int,
    title: str,
    detail: str,
    faults: tuple[errors.Fault, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Without navigation: what that needs may be the very thing that is away."""
    values = {"status": status, "title": title, "detail": detail, "faults": faults}
    if request.headers.get("hx-request") == "true":
        html = view.render("error_fragment.html", request_id=request.state.request_id, **values)
    else:
        html = view.page(request, "error.html", None, None, None, values)
    return HTMLResponse(html, status, headers)
