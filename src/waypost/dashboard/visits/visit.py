"""What a page is given: who asks, what they sent, the services, and how to answer.

    async def show(visit: Visit) -> Response:
        environment_id = visit.path("environment_id")
        found = await visit.services.sources.list(visit.caller, environment_id)
        return await visit.page("sources/list.html", at=environment_id, sources=found)

Services raise NotFound and Forbidden by themselves; `application.py` makes pages of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from waypost.access import ANY_ROLE, Caller, EnvironmentRole
from waypost.dashboard.html.forms import Form
from waypost.dashboard.html.view import Flash, View
from waypost.dashboard.navigation import addresses
from waypost.dashboard.navigation.places import Place, find
from waypost.dashboard.visits import cookies
from waypost.dashboard.visits.guard import Resume
from waypost.dashboard.visits.live import Poll
from waypost.dashboard.visits.services import Services
from waypost.errors import Fault, Invalid, Unauthenticated
from waypost.sessions.model import Session, csrf_of
from waypost.web.routes.callers import client_ip

FLASH = "waypost_flash"
FLASH_SECONDS = 60
MOST_FLASH = 300
LAST_ENVIRONMENT = "waypost_environment"
LAST_SECONDS = 180 * 24 * 3600
MOST_QUERY = 2_000


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser, which `browser` stands for before anybody has signed in.

    `form` is empty unless something was posted.
    """

    request: Request
    services: Services
    view: View
    resume: Resume
    signed_in: Session | None
    browser: str
    form: Form = field(default_factory=Form)

    @property
    def session(self) -> Session:
        """Who is signed in; on every page but the open ones somebody is. Raises Unauthenticated."""
        if self.signed_in is None:
            raise Unauthenticated("Sign in first.")
        return self.signed_in

    @property
    def caller(self) -> Caller:
        """Who is signed in, as services take it."""
        return caller_of(self.request, self.session)

    @property
    def csrf(self) -> str:
        """What the forms of this page carry."""
        return csrf_of(self.browser) if self.signed_in is None else self.signed_in.csrf

    @property
    def is_htmx(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    def path(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    @property
    def here(self) -> str:
        """The address, without its query."""
        return str(self.request.scope["path"])

    def number(self, name: str) -> int:
        """A part of the address that is a number; one that none can have when it is not."""
        text = self.path(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address, without blanks around it."""
        return self.request.query_params.get(name, default)[:MOST_QUERY].strip()

    def cookie(self, name: str) -> str:
        """A cookie's value; empty without it."""
        return self.request.cookies.get(name, "")

    async def place(self, environment_id: str | None, organization_id: int | None = None) -> Place:
        """Where the page is: environment, organization, and what else the user can reach. Raises NotFound."""
        user = self.session.user
        return await self.services.db.read(lambda tx: find(tx, user, environment_id, organization_id))

    async def page(
        self,
        template: str,
        *,
        at: str | None = None,
        organization: int | None = None,
        status: int = 200,
        **values: Any,
    ) -> Response:
        """A whole page. `at` is the environment that it is in: the navigation leads through that one.

        A page of an organization says so, and the navigation leads on through the environment seen last.
        """
        place = None
        if self.signed_in is not None and not self.signed_in.needs_second_factor:
            place = await self.place(at or self.last_environment(), organization)
        shown = {"csrf": self.csrf, **values}
        html = self.view.page(self.request, template, place, self.signed_in, self._flash(), shown)
        answer = HTMLResponse(html, status)
        if self.signed_in is None:
            cookies.keep(answer, self.request, cookies.BROWSER, self.browser)
        if FLASH in self.request.cookies:
            answer.delete_cookie(FLASH, path=addresses.HOME)
        if at is not None:
            self._set(answer, LAST_ENVIRONMENT, at, LAST_SECONDS)
        return answer

    def fragment(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A part of a page, for htmx."""
        return HTMLResponse(self.view.render(template, csrf=self.csrf, **values), status)

    def redirect(
        self, url: str, flash: str = "", *, kind: str = "done", query: Mapping[str, str] | None = None
    ) -> Response:
        """Go on to another page of ours, and say there what was done (`kind`: done, note or warning)."""
        target = url + (f"?{urlencode(query)}" if query else "")
        answer: Response = RedirectResponse(target, 303)
        if self.is_htmx:
            answer = Response(status_code=200, headers={"hx-redirect": target})
        if flash:
            self._set(answer, FLASH, f"{kind}:{quote(flash[:MOST_FLASH])}", FLASH_SECONDS)
        return answer

    def link(self, path: str, **query: str) -> str:
        """An address with a query; empty values are left out."""
        given = {name: value for name, value in query.items() if value}
        return f"{path}?{urlencode(given)}" if given else path

    def stream(
        self,
        key: str,
        poll: Poll,
        *,
        at: str,
        roles: frozenset[EnvironmentRole] = ANY_ROLE,
        every_seconds: float | None = None,
    ) -> Response:
        """Live numbers of an environment (`live.py`), while the sign-in lasts and has such a role there.

        All viewers of a key are sent the same, so what differs between roles needs a key of its own.
        """
        cookie, ip = self.cookie(cookies.name_on(self.request)), client_ip(self.request)

        async def alive() -> bool:
            found = await self.resume(cookie, ip, used=False)
            return found is not None and not found.needs_second_factor and found.user.environments.get(at) in roles

        return self.services.live.stream(
            session=self.session.csrf, key=f"{at} {key}", poll=poll, alive=alive, every_seconds=every_seconds
        )

    def require(self, condition: bool, name: str, code: str, detail: str) -> None:
        """Raise Invalid for a field of the form, in the shape of the services' own faults."""
        if not condition:
            raise Invalid([Fault(f"/{name}", code, detail)])

    def last_environment(self) -> str | None:
        """The environment that was looked at last, if the user still has a role there."""
        seen = self.cookie(LAST_ENVIRONMENT)
        return seen if seen in self.session.user.environments else None

    def _flash(self) -> Flash | None:
        kind, _, words = self.cookie(FLASH).partition(":")
        return Flash.of(kind, unquote(words)[:MOST_FLASH])

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name, value, max_age=seconds, path=addresses.HOME, httponly=True, samesite="lax",
            secure=cookies.is_secure(self.request),
        )  # fmt: skip


def caller_of(request: Request, session: Session) -> Caller:
    """The session's user as the request's caller, for services and the audit trail."""
    route = f"{request.method} {addresses.told_path(request.scope['path'])}"
    return Caller(session.user, client_ip(request), request.state.request_id, route)
