"""The own account by its pages: password, second factor, other sessions; and owners, who must have a factor."""

from collections.abc import Iterator

import pytest

from tests.support.authenticator import STEP_SECONDS
from tests.support.guest import PASSWORD, SIGN_IN, Guest, email_of, invited, secret_on
from tests.support.house import House

ACCOUNT = "/dashboard/account"
FACTOR = "/dashboard/account/second-factor"
NEW = "nine lazy foxes"
ELSEWHERE = "https://waypost.example.org"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), deliver=False) as house:
        yield house


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that strangers reach."""
    with House(tmp_path_factory.mktemp("exposed"), deliver=False, base_url=ELSEWHERE) as house:
        yield house


def afresh(house: House, who: str) -> Guest:
    """Somebody with a password alone, who has just signed in."""
    made = Guest(house)
    made.accept(invited(house, who))
    made.sign_in(who)
    return made


@pytest.fixture
def ann(house: House) -> Guest:
    return afresh(house, "engineer")


def test_another_password_gives_another_cookie_and_ends_the_other_sessions(house: House, ann: Guest) -> None:
    other, old = Guest(house), Guest(house)
    other.sign_in("engineer")
    old.cookies = dict(ann.cookies)

    done = ann.submit(ann.form(ACCOUNT, "/password"), current=PASSWORD, password=NEW, again=NEW)

    assert done.goes_to == ACCOUNT
    assert "The password is changed" in ann.get(ACCOUNT).text
    assert [one.get(ACCOUNT).status for one in (other, old)] == [303, 303]
    assert Guest(house).sign_in("engineer").status == 403
    assert Guest(house).sign_in("engineer", NEW).status == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "status", "words"),
    [
        ("wrong password", NEW, NEW, 403, "The current password is wrong."),
        (PASSWORD, NEW, NEW + "!", 400, "two different passwords"),
        (PASSWORD, "short", "short", 400, "at least 12 characters"),
        (PASSWORD, "engineer@clinic.test", "engineer@clinic.test", 400, "is no password"),
    ],
)
def test_a_change_that_is_refused_says_why_and_changes_nothing(
    house: House, ann: Guest, current: str, new: str, again: str, status: int, words: str
) -> None:
    page = ann.submit(ann.form(ACCOUNT, "/password"), current=current, password=new, again=again)

    assert page.status == status
    assert words in page.text
    assert Guest(house).sign_in("engineer").status == 303


def test_a_second_factor_from_the_picture_to_the_next_sign_in(house: House, ann: Guest) -> None:
    begun = ann.submit(ann.form(FACTOR, FACTOR), password=PASSWORD)
    assert begun.goes_to == FACTOR
    page = ann.get(FACTOR)
    assert "<svg viewBox=" in page.html
    assert "style=" not in page.html
    secret = secret_on(page)

    done = ann.submit(page.form("/confirm"), code=ann.code(secret))

    assert "Keep these recovery codes" in done.text
    assert ann.submit(done.form("/sign-out")).goes_to == SIGN_IN
    house.clock.ahead_ms += STEP_SECONDS * 1000
    half_way = ann.sign_in("engineer", wanted=ann.home)
    assert half_way.goes_to.startswith(f"{SIGN_IN}/code?next=")
    assert ann.get(ann.home).status == 303
    code = ann.get(half_way.goes_to)
    assert ann.submit(code.form("/code"), code=ann.code(secret)).goes_to == ann.home
    assert ann.get(ann.home).status == 200
    assert "waypost_step" not in ann.cookies


def test_the_step_between_password_and_code_is_no_session(house: House, ann: Guest) -> None:
    secret, _ = ann.enrol()
    bob = Guest(house)
    bob.sign_in("engineer")
    bob.cookies["waypost_session"] = bob.cookies["waypost_step"]

    assert bob.get(bob.home).status == 303
    del bob.cookies["waypost_session"]
    assert bob.submit(bob.form(f"{SIGN_IN}/code", "/code"), code=bob.code(secret)).status == 303


def test_a_code_is_used_once_and_a_recovery_code_too(house: House, ann: Guest) -> None:
    secret, recovery = ann.enrol()
    code = ann.code(secret)
    for given, status in ((code, 303), (code, 403), (recovery[0], 303), (recovery[0], 403)):
        bob = Guest(house)
        bob.sign_in("engineer")
        assert bob.submit(bob.form(f"{SIGN_IN}/code", "/code"), code=given).status == status


def test_without_the_step_there_is_no_form_for_a_code(house: House) -> None:
    bob = Guest(house)
    assert bob.get(f"{SIGN_IN}/code").goes_to == SIGN_IN
    csrf = bob.get(SIGN_IN).form(SIGN_IN).fields["csrf"]
    assert bob.post(f"{SIGN_IN}/code", {"csrf": csrf, "code": "123456"}).goes_to == SIGN_IN


def test_a_step_that_took_too_long_begins_anew(house: House, ann: Guest) -> None:
    secret, _ = ann.enrol()
    bob = Guest(house)
    bob.sign_in("engineer")
    form = bob.form(f"{SIGN_IN}/code", "/code")
    house.clock.ahead_ms += 5 * 60_000 + 1000

    assert bob.submit(form, code=bob.code(secret)).goes_to == SIGN_IN
    assert "That took too long." in bob.get(SIGN_IN).text


def test_a_second_factor_is_begun_with_the_password_and_confirmed_with_a_code(ann: Guest) -> None:
    wrong = ann.submit(ann.form(FACTOR, FACTOR), password="wrong password")
    assert (wrong.status, "The password is wrong." in wrong.text) == (403, True)
    ann.submit(ann.form(FACTOR, FACTOR), password=PASSWORD)

    page = ann.submit(ann.form(FACTOR, "/confirm"), code="000000")

    assert page.status == 403
    assert "This code is wrong" in page.text
    assert secret_on(page) == secret_on(ann.get(FACTOR))


def test_a_factor_is_removed_and_codes_renewed_with_a_code(house: House, ann: Guest) -> None:
    secret, recovery = ann.enrol()
    assert "10 left" in ann.get(ACCOUNT).text
    assert ann.submit(ann.form(ACCOUNT, "/recovery-codes"), code="000000").status == 403

    renewed = ann.submit(ann.form(ACCOUNT, "/recovery-codes"), code=ann.code(secret))
    assert "Keep these recovery codes" in renewed.text
    assert recovery[0] not in renewed.text
    house.clock.ahead_ms += STEP_SECONDS * 1000

    removed = ann.submit(ann.form(ACCOUNT, "/remove"), code=ann.code(secret))
    assert removed.goes_to == ACCOUNT
    assert "Set it up" in ann.get(ACCOUNT).text
    assert Guest(house).sign_in("engineer").goes_to == "/dashboard"


def test_the_other_sessions_are_ended_by_a_button(house: House, ann: Guest) -> None:
    other = Guest(house)
    other.sign_in("engineer")

    done = ann.submit(ann.form(ACCOUNT, "/sessions/end"))

    assert done.goes_to == ACCOUNT
    assert other.get(ACCOUNT).status == 303
    assert "Other sessions that have ended: 1." in ann.get(ACCOUNT).text


def test_an_owner_can_do_nothing_before_the_second_factor(exposed: House) -> None:
    ann = afresh(exposed, "owner")
    for path in ("/dashboard", ann.home, ACCOUNT):
        assert ann.get(path).goes_to == FACTOR
    csrf = ann.get(FACTOR).form("/sign-out").fields["csrf"]
    for path in (f"{ACCOUNT}/sessions/end", f"{ACCOUNT}/password", f"{FACTOR}/remove"):
        assert ann.post(path, {"csrf": csrf}).goes_to == FACTOR
    assert "This comes before anything else." in ann.get(FACTOR).text
    assert ann.home not in ann.get(FACTOR).links

    ann.enrol(password=None)

    assert ann.get(ann.home).status == 200


def test_an_owner_may_sign_out_instead(exposed: House) -> None:
    ann = afresh(exposed, "owner")
    assert ann.submit(ann.form(FACTOR, "/sign-out")).goes_to == SIGN_IN


def test_others_may_do_without(exposed: House) -> None:
    ann = afresh(exposed, "engineer")
    assert ann.get(ann.home).status == 200


def test_an_owner_on_loopback_may_do_without(house: House) -> None:
    ann = afresh(house, "owner")
    assert ann.get(ann.home).status == 200


def test_the_list_of_members_tells_who_has_a_second_factor(house: House, ann: Guest) -> None:
    ann.enrol()
    path = f"/platform/v1/organizations/{house.household.clinic.id}/role-assignment"
    found = {
        each["user"]["lowercaseEmail"]: each["user"]["verified2fa"]
        for each in house.call("GET", path, by="owner").payload["memberships"]
    }
    assert [email for email, has_one in found.items() if has_one] == [email_of("engineer")]
