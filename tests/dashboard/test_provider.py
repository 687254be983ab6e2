"""Signing in by an identity provider, from the button to the page that was wanted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.guest import SIGN_IN, Guest, email_of
from tests.support.house import LOOPBACK, House
from tests.support.identity_provider import IdentityProvider
from tests.support.visitor import Page

START = "/dashboard/sign-in/provider"
CALLBACK = f"{START}/callback"


@pytest.fixture
def theirs() -> Iterator[IdentityProvider]:
    with IdentityProvider("waypost", "the-secret", callback="") as provider:
        yield provider


@pytest.fixture
def house(tmp_path: Path, theirs: IdentityProvider) -> Iterator[House]:
    secret = tmp_path / "secret"
    secret.write_text("the-secret\n")
    told: dict[str, Any] = {
        "oidc_issuer": theirs.issuer,
        "oidc_client_id": "waypost",
        "oidc_client_secret_file": secret,
    }
    (tmp_path / "house").mkdir()
    with House(tmp_path / "house", deliver=False, allowed_networks=LOOPBACK, **told) as house:
        theirs.callback = f"http://127.0.0.1:{house.port}{CALLBACK}"
        theirs.now = lambda: house.clock.now_ms() / 1000
        theirs.person["email"] = email_of("engineer")
        yield house


def go(guest: Guest, theirs: IdentityProvider, start: str = START, **other: str) -> Page:
    """Through the provider and back."""
    back = theirs.visit(guest.get(start).goes_to) | other
    return guest.get(f"{CALLBACK}?{urlencode(back)}")


def test_from_the_button_to_the_page_that_was_wanted(house: House, theirs: IdentityProvider) -> None:
    ann = Guest(house)
    button = ann.get(ann.get(ann.home).goes_to)
    assert "Sign in with 127.0.0.1" in button.text
    [start] = [link for link in button.links if link.startswith(START)]

    done = go(ann, theirs, start)

    assert done.goes_to == ann.home
    assert ann.get(ann.home).status == 200
    assert set(ann.cookies) == {"waypost_session", "waypost_environment"}
    assert "You have none: you sign in by the identity provider." in ann.get("/dashboard/account").text


def test_what_was_begun_in_another_browser_is_refused(house: House, theirs: IdentityProvider) -> None:
    ann, victim = Guest(house), Guest(house)
    back = theirs.visit(ann.get(START).goes_to)
    for start in (False, True):
        if start:
            victim.get(START)
        page = victim.get(f"{CALLBACK}?{urlencode(back)}")
        assert page.status == 403
        assert "belongs to no sign-in of this browser" in page.text
        assert "waypost_session" not in victim.cookies


def test_somebody_who_is_no_user_here_is_told_so(house: House, theirs: IdentityProvider) -> None:
    theirs.person["email"] = "somebody@elsewhere.test"

    page = go(Guest(house), theirs)

    assert page.status == 403
    assert "No user here has the e-mail address" in page.text
    assert "somebody@elsewhere.test" not in page.text


def test_nobody_is_led_elsewhere_afterwards(house: House, theirs: IdentityProvider) -> None:
    assert go(Guest(house), theirs, f"{START}?next=//evil.example").goes_to == "/dashboard"
    ann = Guest(house)
    back = theirs.visit(ann.get(START).goes_to)
    ann.cookies["waypost_flow"] = ann.cookies["waypost_flow"][:43] + "%2F%2Fevil.example"
    assert ann.get(f"{CALLBACK}?{urlencode(back)}").goes_to == "/dashboard"


def test_a_provider_that_is_away_leaves_the_password(house: House, theirs: IdentityProvider) -> None:
    theirs.said = {"issuer": "https://another.example"}

    page = Guest(house).get(START)

    assert page.status == 503
    assert "did not work" in page.text
    assert page.form(SIGN_IN)


def test_without_a_provider_there_is_no_button_and_no_way(tmp_path: Path) -> None:
    with House(tmp_path, deliver=False) as house:
        ann = Guest(house)
        assert not any(link.startswith(START) for link in ann.get(SIGN_IN).links)
        assert ann.get(START).status == 404
        assert ann.get(f"{CALLBACK}?code=x&state=y").status == 404
