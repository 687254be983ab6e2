"""Somebody who signs in for real, in a browser: no cookie but those that the server has given.

In front of a house, or of a server process.

ann = Guest(house)
ann.accept(invited(house, "engineer"))            # sets PASSWORD by the link
ann.sign_in("engineer")                           # the page that follows
ann.submit(page.form("/account/password"), …)     # as on every Visitor; the form's own token is sent
secret, recovery = ann.enrol()                    # a second factor; `ann.code(secret)` is what the app shows
"""

import re
from typing import Any, cast
from urllib.parse import urlencode

from tests.support import authenticator
from tests.support.callers import MovedClock
from tests.support.house import House
from tests.support.visitor import Form, Page, Visitor
from tests.support.waypost import Server
from waypost.access import operator

PASSWORD = "seven wild geese"
SIGN_IN = "/dashboard/sign-in"
FORM = "application/x-www-form-urlencoded"
_SECRET = re.compile(r"<code>([A-Z2-7]{32})</code>")
_CODE = re.compile(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b")


def email_of(who: str) -> str:
    """The address of one of PEOPLE."""
    return f"{who.replace(' ', '.')}@clinic.test"


def invited(house: House, who: str) -> str:
    """The path of a link for one of PEOPLE, who begins afresh with it."""
    caller, invite = operator("users invite"), house.waypost.people.invitations.invite
    return house.run(invite(caller, email_of(who), drops_factor=True)).path


class Guest(Visitor):
    """With `https`, a proxy that the server believes says so."""

    def __init__(self, house: House | Server, *, https: bool = False) -> None:
        self.house = cast(House, house)  # its port and environments are all that is asked of it
        self.clock = house.clock if isinstance(house, House) else MovedClock()
        self.cookies: dict[str, str] = {}
        self._scheme = "https" if https else "http"

    @property
    def origin(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.house.port}"

    def request(
        self, method: str, path: str, body: bytes | None = None, *, headers: dict[str, str] | None = None
    ) -> Page:
        return super().request(method, path, body, headers={"x-forwarded-proto": self._scheme} | (headers or {}))

    def post(self, path: str, fields: Any = (), *, headers: dict[str, str] | None = None) -> Page:
        """Send a form with these fields and no other; a header that is empty is left out."""
        sent = {"origin": self.origin, "content-type": FORM} | (headers or {})
        body = urlencode(dict(fields)).encode()
        return self.request("POST", path, body, headers={name: value for name, value in sent.items() if value})

    def accept(self, path: str, password: str = PASSWORD) -> Page:
        """Set the password by a link."""
        page = self.get(path)
        assert page.status == 200, page.text
        return self.submit(page.form(path), password=password, again=password)

    def sign_in(self, who: str, password: str = PASSWORD, *, wanted: str = "") -> Page:
        """What follows on the form that was filled in."""
        page = self.get(SIGN_IN + (f"?{urlencode({'next': wanted})}" if wanted else ""))
        return self.submit(page.form(SIGN_IN), email=email_of(who), password=password)

    def form(self, path: str, action_end: str) -> Form:
        """A form on a page."""
        return self.get(path).form(action_end)

    def enrol(self, password: str | None = PASSWORD) -> tuple[str, list[str]]:
        """Set a second factor up; its secret and the recovery codes."""
        path = "/dashboard/account/second-factor"
        given = {} if password is None else {"password": password}
        begun = self.submit(self.form(path, path), **given)
        assert begun.goes_to == path, begun.text
        page = self.get(path)
        secret = secret_on(page)
        done = self.submit(page.form("/confirm"), code=self.code(secret))
        assert done.status == 200, done.text
        self.clock.ahead_ms += authenticator.STEP_SECONDS * 1000
        return secret, _CODE.findall(done.text)

    def code(self, secret: str) -> str:
        """What the app shows now."""
        return authenticator.code(secret, self.clock.now_ms())


def secret_on(page: Page) -> str:
    """The secret that the page has somebody type into the app."""
    found = _SECRET.search(page.html)
    assert found, page.text
    return found[1]
