"""Every page and every form of the dashboard by every caller, against the one table in `pages.txt`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.permissions import matrix
from tests.permissions.matrix import Line
from tests.permissions.scene import CALLERS, World
from tests.support.house import House
from tests.support.visitor import CSRF, Visitor
from torture import inside
from torture.ask import Got
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages import PAGES
from waypost.dashboard.visits import cookies, guard

TABLE = Path(__file__).parent / "pages.txt"
LINES = list(matrix.lines(TABLE))
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
NOUNS = (
    "environment",
    "organization",
    "source",
    "destination",
    "subscription",
    "log",
    "apikey",
    "replay",
    "queue",
)
USED_UP = ("/delete", "/remove", "/finish")
"""How the addresses of forms end that do away with something, or can be sent but once."""
QUERIES = {"/credentials/new": "?environment={environment_id}&strategy=Basic"}
FIELDS = {"/environments/{environment_id}/sample": "&destinationId={destination_id}"}
"""What must be in a form, or it is about nothing."""
DONE = {200, 303, 400, 409}
"""A page, or a form that was taken or refused for what was sent."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with House(tmp_path_factory.mktemp("pages"), deliver=False) as house:
        made = World(house)
        Visitor(house, None)
        yield made


def test_every_page_has_a_line_and_every_line_a_page() -> None:
    pages = [f"{page.method} {page.path or '/'}" for page in PAGES if not page.is_open]
    assert [line.route for line in LINES] == pages
    opened = {page.path for page in PAGES if page.is_open}
    assert opened == {
        "/sign-in", "/sign-in/code", "/sign-in/provider", "/sign-in/provider/callback", "/invitations/{token}",
    }  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_page_answers_as_the_table_says(world: World, line: Line) -> None:
    for caller, wanted in line.answers.items():
        got = send(world, line, caller)
        assert (caller, told(got, wanted)) == (caller, wanted), got.body
        if got.status == 303 and line.path.endswith(USED_UP):
            world.refresh()


def send(world: World, line: Line, caller: str) -> Got:
    """The page as one of the callers asks for it; a form is sent with nothing in it."""
    path = "" if line.path == "/" else line.path
    target = addresses.HOME + f"{path}{QUERIES.get(path, '')}".format(**named(world.ids))
    headers = {"host": "x", "accept": "text/html"}
    who = CALLERS[caller]
    if who is not None:
        headers["cookie"] = f"{cookies.SESSION}={who.replace(' ', '_')}"
    if line.method == "GET":
        return inside.call(world.house, "GET", target, headers)
    fields = FIELDS.get(path, "").format(**named(world.ids))
    return inside.call(world.house, "POST", target, headers | FORM, f"{guard.CSRF_FIELD}={CSRF}{fields}".encode())


def told(got: Got, wanted: str) -> str:
    """What an answer is in the words of the table; `own` pages say 403 for a wrong password, too."""
    location = got.headers.get("location", [""])[0]
    if location.startswith(addresses.SIGN_IN) and wanted != "own":
        return "sign-in"
    if got.status in DONE or (wanted == "own" and got.status == 403):
        return wanted if wanted == "own" else "yes"
    return str(got.status)


def named(ids: Mapping[str, str]) -> dict[str, str]:
    """The ids of the scene by the names that pages have for them."""
    ours = {"credential_id": ids["id"], "user_id": ids["leaverId"]}
    return ours | {f"{noun}_id": ids[f"{noun}Id"] for noun in NOUNS}
