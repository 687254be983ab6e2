"""The dashboard as one application at `/dashboard`, and the redirect from `/`.

Every request goes the same way: find the page → who is signed in → may this request do anything → the page. What
is raised on the way becomes a page here and nowhere else.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, NoMatchFound, Route, Router
from starlette.types import Message, Receive, Scope, Send

from waypost import errors
from waypost.dashboard import failures, security
from waypost.dashboard.html import forms
from waypost.dashboard.html.assets import PREFIX, Assets
from waypost.dashboard.html.view import View
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages import NAVIGATION, PAGES
from waypost.dashboard.visits import cookies, guard
from waypost.dashboard.visits.guard import Resume
from waypost.dashboard.visits.routes import Page
from waypost.dashboard.visits.services import Services
from waypost.dashboard.visits.visit import Visit, caller_of
from waypost.errors import UnsupportedMedia
from waypost.sessions.model import Session, csrf_of
from waypost.web.routes.body import read
from waypost.web.routes.callers import client_ip
from waypost.web.routes.problems import OnRefusal

STATIC = Path(__file__).parent / "static"
FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger("waypost.dashboard")


def routes(services: Services, resume: Resume, refused: OnRefusal) -> list[BaseRoute]:
    """What the HTTP application serves of the dashboard. `refused` hears of each Forbidden, as the API's does."""
    assets = Assets(STATIC)
    view = View(assets, NAVIGATION, services.clock)
    return [Route("/", _home), Below(addresses.HOME, Dashboard(services, view, assets, resume, refused, PAGES))]


async def _home(request: Request) -> Response:
    return RedirectResponse(addresses.HOME, 303)


class Below(BaseRoute):
    """Everything at a path and below it, for one application, which sees the whole path."""

    def __init__(self, path: str, app: "Dashboard") -> None:
        self._path = path
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for here, whatever its method."""
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == self._path or path.startswith(f"{self._path}/"))
        return (Match.FULL, {}) if ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Nothing in here has a name."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        await self._app(scope, receive, send)


class Dashboard:
    """The application: the one boundary where errors become pages."""

    def __init__(
        self,
        services: Services,
        view: View,
        assets: Assets,
        resume: Resume,
        refused: OnRefusal,
        pages: Sequence[Page],
    ) -> None:
        self._services = services
        self._view = view
        self._resume = resume
        self._refused = refused

        async def static(request: Request) -> Response:
            return assets.answer(request, request.path_params["digest"], request.path_params["name"])

        found: list[BaseRoute] = [Route(PREFIX + "/{digest}/{name:path}", _Plain(static), methods=["GET"])]
        found += [
            Route(addresses.HOME + page.path, _Plain(self._serving(page)), methods=[page.method]) for page in pages
        ]
        self._router = Router(found, redirect_slashes=False, default=_nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        started = False
        with_headers = security.with_headers(scope, send)

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await with_headers(message)

        try:
            await self._router(scope, receive, watched)
        except ClientDisconnect:
            raise
        except Exception as error:
            if started:
                raise
            answer = await self._failed(Request(scope, receive), error)
            await answer(scope, receive, watched)

    async def _failed(self, request: Request, error: Exception) -> Response:
        match error:
            case errors.WaypostError():
                if isinstance(error, errors.Forbidden):
                    await self._refused(request, error)
                return failures.answer(self._view, request, error)
            case HTTPException():
                return failures.of_routing(self._view, request, error)
        log.error(
            "request.failed",
            request_id=request.state.request_id,
            route=getattr(request.scope.get("route"), "path", "?"),
            exc_info=error,
        )
        return failures.surprise(self._view, request)

    def _serving(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            session = await self._session(request)
            if not page.is_open:
                if session is None:
                    return failures.to_sign_in(request)
                if session.needs_second_factor and not page.is_owed:
                    return failures.to_sign_in(request, addresses.SECOND_FACTOR)
            browser = cookies.browser_of(request)
            form = forms.Form()
            if page.method != "GET":
                form = await _checked_form(request, session.csrf if session is not None else csrf_of(browser))
            visit = Visit(request, self._services, self._view, self._resume, session, browser, form)
            return await page.show(visit)

        return serve

    async def _session(self, request: Request) -> Session | None:
        """Who is signed in, counted among the requests that one may make. Raises RateLimited."""
        cookie = request.cookies.get(cookies.name_on(request), "")
        session = await self._resume(cookie, client_ip(request)) if cookie else None
        if session is not None:
            request.state.caller = caller_of(request, session)
            request.app.state.limits.count(request.state.caller)
        return session


class _Plain:
    """A function from request to response as an ASGI application: errors pass the outer application's handlers."""

    def __init__(self, function: Callable[[Request], Awaitable[Response]]) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        answer = await self._function(Request(scope, receive, send))
        await answer(scope, receive, send)


async def _checked_form(request: Request, csrf: str) -> forms.Form:
    """What was posted, by a page of ours and with this token. Raises ForeignRequest."""
    guard.require_our_page(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {FORM, ""}:
        raise UnsupportedMedia("This address takes what a form of the dashboard sends.")
    async with read(request, forms.MOST_BYTES) as data:
        form = forms.parsed(data)
    guard.require_csrf(csrf, request.headers.get(guard.CSRF_HEADER) or form.raw(guard.CSRF_FIELD))
    return form


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)
