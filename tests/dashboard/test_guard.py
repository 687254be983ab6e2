"""Only who is signed in, and on a page of ours, changes anything; and nobody more than their role lets them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.visitor import CSRF, Page, Visitor
from waypost.dashboard.navigation import addresses
from waypost.dashboard.pages import PAGES
from waypost.sessions.model import Session

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def lane(quiet: House) -> Any:
    with Lane(quiet) as lane:
        yield lane


def pause(visitor: Visitor, lane: Lane, body: bytes, **headers: str) -> Page:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return visitor.request("POST", f"/dashboard/queues/{lane.queue_id}/pause", body, headers=FORM | sent)


def origin(house: House) -> str:
    return f"http://127.0.0.1:{house.port}"


@pytest.mark.parametrize("body", [b"", b"csrf=", b"csrf=wrong", f"csrf={CSRF}x".encode(), b"csrf=%F0%9F"])
def test_a_form_without_the_sign_ins_token_changes_nothing(quiet: House, lane: Lane, body: bytes) -> None:
    page = pause(Visitor(quiet), lane, body, origin=origin(quiet))
    assert page.status == 403
    assert lane.queue()["state"] == "idle"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "cross-site", "origin": "SELF"},
    ],
)
def test_a_form_that_another_site_sends_changes_nothing(quiet: House, lane: Lane, headers: dict[str, str]) -> None:
    given = {name: origin(quiet) if value == "SELF" else value for name, value in headers.items()}
    page = pause(Visitor(quiet), lane, f"csrf={CSRF}".encode(), **given)
    assert page.status == 403
    assert lane.queue()["state"] == "idle"


def test_a_form_of_ours_is_taken(quiet: House, lane: Lane) -> None:
    body = f"csrf={CSRF}".encode()
    assert pause(Visitor(quiet), lane, body, sec_fetch_site="same-origin").status == 303
    assert lane.queue()["state"] == "paused"
    lane.act("resume")


def test_a_body_that_is_no_form_is_refused(quiet: House, lane: Lane) -> None:
    page = pause(Visitor(quiet), lane, b"{}", origin=origin(quiet), content_type="application/json")
    assert page.status == 415


def test_a_form_that_is_too_long_is_refused(quiet: House, lane: Lane) -> None:
    page = pause(Visitor(quiet), lane, b"a=" + b"b" * 1_000_001, origin=origin(quiet))
    assert page.status == 413


def test_a_form_of_very_many_fields_is_refused(quiet: House, lane: Lane) -> None:
    page = pause(Visitor(quiet), lane, b"&".join(b"a=b" for _ in range(501)), origin=origin(quiet))
    assert page.status == 400


@pytest.mark.parametrize("page", [page for page in PAGES if page.method == "POST"], ids=lambda page: page.path)
def test_every_form_is_guarded(quiet: House, page: Any) -> None:
    path = "/dashboard" + page.path.replace("{", "").replace("}", "")
    answered = Visitor(quiet).request("POST", path, b"", headers=FORM)
    assert answered.status == 403
    assert "Another site sent this" in answered.text


def test_who_is_refused_is_told_which_role_is_needed_and_it_is_audited(quiet: House, lane: Lane) -> None:
    page = Visitor(quiet, "viewer").post(f"/dashboard/queues/{lane.queue_id}/pause")
    assert page.status == 403
    assert "This needs the environment role engineer; yours is viewer." in page.text
    assert lane.queue()["state"] == "idle"
    assert quiet.events()[-1]["type"] == "request-refused"


def test_half_a_sign_in_is_none(quiet: House) -> None:
    ann = Visitor(quiet)
    signed_in = quiet.waypost.faces.resume

    async def half(cookie: str, ip: str, *, used: bool = True) -> Session | None:
        found = await signed_in(cookie, ip, used=used)
        return found and replace(found, needs_second_factor=True)

    quiet.waypost.faces.resume = half
    assert ann.get(ann.home).goes_to == addresses.SECOND_FACTOR


def test_signing_in_leads_back_to_the_page_that_was_asked_for(quiet: House) -> None:
    page = Visitor(quiet, None).get("/dashboard/queues/1?a=b&c=d")
    assert page.goes_to == "/dashboard/sign-in?next=%2Fdashboard%2Fqueues%2F1%3Fa%3Db%26c%3Dd"


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/dashboard/queues/1?a=b", "/dashboard/queues/1?a=b"),
        ("/dashboard", "/dashboard"),
        ("", "/dashboard"),
        ("https://evil.test/dashboard", "/dashboard"),
        ("//evil.test/dashboard", "/dashboard"),
        ("/\\evil.test/dashboard", "/dashboard"),
        ("/dashboard\\@evil.test", "/dashboard"),
        ("/dashboardevil", "/dashboard"),
        ("/dashboard/\r\nSet-Cookie: a=b", "/dashboard"),
        ("javascript:alert(1)", "/dashboard"),
        ("/platform/v1/destinations", "/dashboard"),
    ],
)
def test_nobody_is_led_elsewhere_by_signing_in(wanted: str, goes_to: str) -> None:
    assert addresses.next_page(wanted) == goes_to
