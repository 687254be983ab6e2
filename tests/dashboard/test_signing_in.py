"""Signing in by the pages: cookies, forms that come from elsewhere, ends, waits, and what a cookie never opens."""

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.guest import PASSWORD, SIGN_IN, Guest, email_of, invited
from tests.support.house import House
from tests.support.serving import Client
from waypost import ids

COOKIE = "waypost_session"
WRONG = "wrong password"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house where some have a password; each test takes somebody of its own where it matters."""
    with House(tmp_path_factory.mktemp("people"), deliver=False) as house:
        for who in ("engineer", "support", "owner", "outsider"):
            Guest(house).accept(invited(house, who))
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path, deliver=False) as house:
        Guest(house).accept(invited(house, "engineer"))
        yield house


def is_in(guest: Guest) -> bool:
    return guest.get(guest.home).status == 200


def test_whoever_signs_in_goes_on_to_the_page_that_was_wanted(people: House) -> None:
    ann = Guest(people)
    asked = ann.get(ann.home)
    assert asked.goes_to == f"{SIGN_IN}?{urlencode({'next': ann.home})}"

    page = ann.submit(ann.get(asked.goes_to).form(SIGN_IN), email=email_of("engineer"), password=PASSWORD)

    assert (page.status, page.goes_to) == (303, ann.home)
    assert "Engineer" in ann.get(page.goes_to).text or "engineer" in ann.get(page.goes_to).text


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_is_for_this_host_alone_and_for_no_script(people: House, https: bool) -> None:
    ann = Guest(people, https=https)
    page = ann.sign_in("engineer")

    name = f"__Host-{COOKIE}" if https else COOKIE
    assert set(ann.cookies) == {name}
    [line] = [each for each in page.set_cookies if each.startswith(f"{name}=") and "Max-Age=0" not in each]
    found = SimpleCookie(line)[name]
    assert len(found.value) == 43
    assert (found["httponly"], found["samesite"], found["domain"], found["max-age"]) == (True, "lax", "", "")
    assert (found["secure"], found["path"]) == ((True, "/") if https else ("", "/dashboard"))
    assert is_in(ann)


def test_a_cookie_of_the_plain_connection_opens_nothing_on_the_encrypted_one(people: House) -> None:
    plain, encrypted = Guest(people), Guest(people, https=True)
    plain.sign_in("engineer")
    encrypted.cookies = dict(plain.cookies)
    assert not is_in(encrypted)


def test_a_cookie_that_was_there_before_never_becomes_a_session(people: House) -> None:
    """Session fixation: somebody plants cookies, and waits for the victim to sign in."""
    planted = ids.new_secret()
    ann, thief = Guest(people), Guest(people)
    ann.cookies = {COOKIE: planted, "waypost_browser": planted, "waypost_step": planted}

    ann.sign_in("engineer")

    assert is_in(ann)
    assert planted not in ann.cookies.values()
    for name in (COOKIE, "waypost_browser"):
        thief.cookies = {COOKIE: planted, name: planted}
        assert not is_in(thief)


def test_signing_in_again_ends_the_session_of_this_browser(people: House) -> None:
    ann, old = Guest(people), Guest(people)
    ann.sign_in("engineer")
    old.cookies = dict(ann.cookies)
    form = Guest(people).get(SIGN_IN).form(SIGN_IN)
    csrf = ann.get("/dashboard/account").form("/sign-out").fields["csrf"]

    ann.submit(form, csrf=csrf, email=email_of("support"), password=PASSWORD)

    assert "support@clinic.test" in ann.get("/dashboard/account").text
    assert not is_in(old)


def test_signing_out_ends_the_session_in_the_store_too(people: House) -> None:
    ann, kept = Guest(people), Guest(people)
    ann.sign_in("engineer")
    kept.cookies = dict(ann.cookies)

    page = ann.submit(ann.get("/dashboard/account").form("/sign-out"))

    assert page.goes_to == SIGN_IN
    assert COOKIE not in ann.cookies
    assert not is_in(ann)
    assert not is_in(kept)


def test_the_sign_in_form_of_another_browser_is_refused(people: House) -> None:
    """Login CSRF: somebody's own form is sent from a victim's browser, to have them signed in as somebody else."""
    theirs = Guest(people).get(SIGN_IN).form(SIGN_IN)
    victim = Guest(people)
    victim.get(SIGN_IN)

    page = victim.submit(theirs, email=email_of("outsider"), password=PASSWORD)

    assert page.status == 403
    assert "This page is from an earlier sign-in" in page.text
    assert not is_in(victim)


@pytest.mark.parametrize("given", [None, "", "x", "é"])
def test_a_sign_in_without_the_token_is_refused(people: House, given: str | None) -> None:
    ann = Guest(people)
    ann.get(SIGN_IN)
    fields = {"email": email_of("engineer"), "password": PASSWORD}

    page = ann.post(SIGN_IN, fields if given is None else fields | {"csrf": given})

    assert page.status == 403
    assert not is_in(ann)


@pytest.mark.parametrize("given", [None, "", "x", "another session's", "the browser's before it"])
def test_a_form_without_this_sessions_token_is_refused(people: House, given: str | None) -> None:
    ann, bob = Guest(people), Guest(people)
    before = ann.get(SIGN_IN).form(SIGN_IN).fields["csrf"]
    ann.sign_in("engineer")
    bob.sign_in("engineer")
    others = bob.get("/dashboard/account").form("/sign-out").fields["csrf"]
    sent = {"another session's": others, "the browser's before it": before}.get(given or "", given)

    page = ann.post("/dashboard/sign-out", {} if sent is None else {"csrf": sent})

    assert page.status == 403
    assert is_in(ann)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "https://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_form_from_elsewhere_is_refused_whatever_it_carries(people: House, headers: dict[str, str]) -> None:
    ann = Guest(people)
    ann.sign_in("engineer")
    form = ann.get("/dashboard/account").form("/sign-out")

    page = ann.post(form.action, form.fields, headers=headers)

    assert page.status == 403
    assert is_in(ann)


@pytest.mark.parametrize("path", ["/dashboard/sign-out", "/dashboard/account/sessions/end"])
def test_nothing_is_done_by_a_link(people: House, path: str) -> None:
    ann = Guest(people)
    ann.sign_in("engineer")
    assert ann.get(path).status == 405
    assert is_in(ann)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example/dashboard", "/\\evil.example", "\\\\evil.example", "evil.example",
        "javascript:alert(1)", "/dashboardx", "/platform/v1", "http:/dashboard", "/dashboard/\r\nx: y",
        "data:text/html,x", "%2f%2fevil.example", "\t//evil.example", "/dashboard@evil.example", "x" * 5000,
    ],
)  # fmt: skip
def test_after_signing_in_nobody_is_led_elsewhere(people: House, wanted: str) -> None:
    assert Guest(people).sign_in("engineer", wanted=wanted).goes_to == "/dashboard"


def test_whoever_is_signed_in_is_led_on_from_the_form_and_nowhere_else(people: House) -> None:
    ann = Guest(people)
    ann.sign_in("engineer")
    assert ann.get(f"{SIGN_IN}?{urlencode({'next': ann.home})}").goes_to == ann.home
    assert ann.get(f"{SIGN_IN}?next=//evil.example").goes_to == "/dashboard"


@pytest.mark.parametrize("path", ["/platform/v1/organizations", "/waypost/v1/queues/x", "/endpoint"])
def test_a_cookie_opens_nothing_but_the_dashboard(people: House, path: str) -> None:
    ann = Guest(people)
    ann.sign_in("engineer")
    [cookie] = ann.cookies.values()
    method = "POST" if path == "/endpoint" else "GET"
    call = Client(people.port)

    for name in (COOKIE, f"__Host-{COOKIE}"):
        assert call(method, path, headers={"cookie": f"{name}={cookie}"}).status == 401
    assert call(method, path, token=cookie).status == 401


def test_a_token_of_the_api_opens_no_page(people: House) -> None:
    token = people.token("engineer")
    ann = Guest(people)
    ann.cookies = {COOKIE: token}
    assert not is_in(ann)
    assert ann.get(ann.home, headers={"authorization": f"Bearer {token}"}).status == 303


def test_a_session_that_is_not_used_ends(house: House) -> None:
    ann = Guest(house)
    ann.sign_in("engineer")
    house.clock.ahead_ms += 14 * 60_000
    assert is_in(ann)
    house.clock.ahead_ms += 15 * 60_000 + 5_000
    assert not is_in(ann)


def test_a_session_ends_after_twelve_hours_however_it_is_used(house: House) -> None:
    ann = Guest(house)
    ann.sign_in("engineer")
    for _ in range(12 * 5):
        house.clock.ahead_ms += 12 * 60_000 - 1_000
        assert is_in(ann)
    house.clock.ahead_ms += 2 * 60_000
    assert not is_in(ann)


def test_a_page_that_only_lies_open_is_no_use(house: House) -> None:
    """Its live numbers ask again and again whether the session holds."""
    ann = Guest(house)
    ann.sign_in("engineer")
    [cookie] = ann.cookies.values()

    async def look() -> bool:
        return await house.waypost.faces.resume(cookie, "127.0.0.1", used=False) is not None

    for _ in range(14):
        house.clock.ahead_ms += 61_000
        assert house.run(look())
    house.clock.ahead_ms += 61_000

    assert not is_in(ann)


def test_a_wrong_password_and_an_unknown_address_look_the_same(house: House) -> None:
    ann = Guest(house)

    known, unknown = ann.sign_in("engineer", WRONG), ann.sign_in("nobody", WRONG)

    assert (known.status, unknown.status) == (403, 403)
    assert "The e-mail address or the password is wrong." in known.text
    assert _without_names(known.html) == _without_names(unknown.html)
    assert WRONG not in known.html


def _without_names(html: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?:engineer|nobody)@clinic\.test", "", html)


def test_whoever_guesses_is_told_how_long_to_wait(house: House) -> None:
    ann = Guest(house)
    pages = [ann.sign_in("engineer", WRONG) for _ in range(6)]

    assert [page.status for page in pages] == [403] * 4 + [429] * 2
    assert "No try counts for the next" in pages[-1].text
    assert ann.sign_in("engineer").status == 429
    house.clock.ahead_ms += 10_000
    assert ann.sign_in("engineer").status == 303


def test_a_link_sets_a_password_that_lets_its_user_in(house: House) -> None:
    ann = Guest(house)
    path = invited(house, "viewer")
    page = ann.get(path)
    assert "viewer@clinic.test" in page.text

    done = ann.submit(page.form(path), password=PASSWORD, again=PASSWORD)

    assert done.goes_to == SIGN_IN
    assert "The password is set." in ann.get(SIGN_IN).text
    assert ann.sign_in("viewer").status == 303
    assert ann.get(path).status == 404
    assert "This link has ended" in ann.get(path).text


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        ("short", "short", "at least 12 characters"),
        (PASSWORD, PASSWORD + "!", "two different passwords"),
        ("passwordpassword", "passwordpassword", "everybody tries first"),
    ],
)
def test_a_password_that_is_none_is_refused_beside_its_field(
    people: House, password: str, again: str, words: str
) -> None:
    ann = Guest(people)
    path = invited(people, "admin without a role")

    page = ann.submit(ann.get(path).form(path), password=password, again=again)

    assert page.status == 400
    assert words in page.text
    assert password not in page.html
    assert ann.get(path).status == 200


def test_no_link_is_written_into_the_audit_trail(house: House) -> None:
    ann = Guest(house)
    ann.sign_in("engineer")
    refused, accepted = invited(house, "viewer"), invited(house, "support")
    assert ann.post(refused, {"password": PASSWORD}).status == 403
    Guest(house).accept(accepted)

    trail = repr(house.events())

    assert "POST /dashboard/invitations/…" in trail
    assert not any(path.rpartition("/")[2] in trail for path in (refused, accepted))
    assert PASSWORD not in trail


def test_a_sign_in_is_recorded_with_its_route_and_its_request(people: House) -> None:
    page = Guest(people).sign_in("owner")
    event = people.events()[-1]
    assert (event["type"], event["client_id"], event["route"]) == ("signed-in", "dashboard", f"POST {SIGN_IN}")
    assert (event["request_ip"], event["request_id"]) == ("127.0.0.1", page.headers["x-request-id"])
