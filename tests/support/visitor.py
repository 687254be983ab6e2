"""Somebody in front of the dashboard, by plain HTTP: keeps cookies, sends forms as browsers do.

with House(tmp_path) as house:
    ann = Visitor(house, "engineer")                          # signed in; one of PEOPLE, or None for nobody
    page = ann.get(f"/dashboard/environments/{house.environments['Development']}")
    page.status, page.text, page.links, page.forms            # what is on it
    ann.post("/dashboard/queues/…/pause", {})                 # with the CSRF token and the Origin
    ann.submit(page.form("/pause"), reason="…")               # a form that is on the page, filled in
"""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from tests.support.house import House
from waypost.dashboard.visits import cookies, guard
from waypost.sessions.model import LONGEST_MS, Means, Session
from waypost.users import memberships

CSRF = "a-token-of-this-sign-in"


@dataclass
class Form:
    """A form on a page: where it goes and what it would send as it is."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """An answer; `text` is what a person reads, with single blanks."""

    status: int
    headers: dict[str, str]
    html: str
    cookies: dict[str, str]
    text: str = ""
    links: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    set_cookies: tuple[str, ...] = ()

    @property
    def goes_to(self) -> str:
        """Where a redirect leads."""
        return self.headers.get("location", "")

    def form(self, action_end: str) -> Form:
        """The form whose action ends like this."""
        found = [form for form in self.forms if form.action.endswith(action_end)]
        assert found, f"no form to {action_end} among {[form.action for form in self.forms]}"
        return found[0]


class Visitor:
    """See the top of the file."""

    def __init__(self, house: House, who: str | None = "engineer") -> None:
        self.house = house
        self.cookies: dict[str, str] = {}
        house.waypost.faces.resume = lambda cookie, ip, used=True: resumed(house, cookie)
        if who is not None:
            self.cookies[cookies.SESSION] = who.replace(" ", "_")

    @property
    def home(self) -> str:
        """The overview of Development."""
        return f"/dashboard/environments/{self.house.environments['Development']}"

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> Page:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, fields: Any = (), *, headers: dict[str, str] | None = None) -> Page:
        """Send a form with the CSRF token; `fields` is a mapping or pairs."""
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        body = urlencode([(guard.CSRF_FIELD, CSRF), *pairs]).encode()
        origin = {"origin": f"http://127.0.0.1:{self.house.port}"}
        media_type = {"content-type": "application/x-www-form-urlencoded"}
        return self.request("POST", path, body, headers=origin | media_type | (headers or {}))

    def submit(self, form: Form, **fields: str) -> Page:
        """Send a form of a page, with these fields filled in; `__` in a name is a slash."""
        assert form.method == "post"
        filled = {name.replace("__", "/"): value for name, value in fields.items()}
        return self.post(form.action, form.fields | filled)

    def request(
        self, method: str, path: str, body: bytes | None = None, *, headers: dict[str, str] | None = None
    ) -> Page:
        sent = {"accept": "text/html"} | (headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            made = _page(answer, answer.read().decode())
        finally:
            connection.close()
        for name, value in made.cookies.items():
            if value in {"", '""'}:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return made


@contextlib.contextmanager
def watching(visitor: Visitor, path: str) -> Iterator[list[bytes]]:
    """The lines that a stream over real HTTP has given so far; an empty one at its end."""
    connection = http.client.HTTPConnection("127.0.0.1", visitor.house.port, timeout=30)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    connection.request("GET", path, headers={"cookie": cookie, "hx-request": "true"})
    wire = connection.sock
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    lines: list[bytes] = []

    def read() -> None:
        while True:
            lines.append(answer.readline())
            if not lines[-1]:
                return

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        yield lines
    finally:
        with contextlib.suppress(OSError):  # the other side has ended it
            wire.shutdown(socket.SHUT_RDWR)  # closing it would wait for the reader
        reading.join()
        connection.close()


async def resumed(house: House, cookie: str) -> Session | None:
    """The session that a visitor's cookie names."""
    who = cookie.replace("_", " ")
    client_id = house.household.clients.get(who)
    if client_id is None:
        return None
    user = await house.waypost.ground.db.read(lambda tx: memberships.principal(tx, client_id))
    if user is None:
        return None
    email, now = f"{who.replace(' ', '.')}@clinic.test", house.clock.now_ms()
    return Session(cookie, user, email, who.title(), CSRF, Means.password, False, now, now + LONGEST_MS)


def _page(answer: http.client.HTTPResponse, html: str) -> Page:
    headers = {name.lower(): value for name, value in answer.getheaders()}
    lines = tuple(value for name, value in answer.getheaders() if name.lower() == "set-cookie")
    cookies = dict(line.partition(";")[0].split("=", 1) for line in lines)
    if not headers.get("content-type", "").startswith("text/html"):
        return Page(answer.status, headers, html, cookies, set_cookies=lines)
    found = _Reader()
    found.feed(html)
    text = " ".join(" ".join(found.words).split())
    return Page(answer.status, headers, html, cookies, text, tuple(found.links), tuple(found.forms), lines)


class _Reader(HTMLParser):
    """Reads text, links and forms off a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._within: list[str] = []
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style", "button", "textarea"}:
            self._within.append(tag)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if self.forms and "name" in given:
            self._field(tag, given)
        if tag == "option" and self._select and self.forms:
            fields = self.forms[-1].fields
            if "selected" in given or self._select not in fields:
                fields[self._select] = given.get("value", "")

    def _field(self, tag: str, given: dict[str, str]) -> None:
        fields, name = self.forms[-1].fields, given["name"]
        if tag == "input" and (given.get("type") not in {"checkbox", "radio"} or "checked" in given):
            fields[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
        if tag == "select":
            self._select = name
        if tag == "textarea":
            self._area, fields[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area and self.forms:
            self.forms[-1].fields[self._area] += data.removeprefix("\n")
        if self._within and self._within[-1] == "button" and self.forms and data.strip():
            self.forms[-1].buttons.append(data.strip())
        if not self._within or self._within[-1] not in {"script", "style"}:
            self.words.append(data)
