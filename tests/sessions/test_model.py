"""The pure rules: waits, ends, who needs more than a password, and the codes of the second factor."""

from xml.etree import ElementTree

import pytest

from tests.support import authenticator
from waypost.access import OrganizationRole, User
from waypost.sessions import model, totp
from waypost.sessions.model import ACCOUNT, ADDRESS, Guarded, Limit, Means

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("limit", "failures", "seconds"),
    [
        (ACCOUNT, 0, 0), (ACCOUNT, 4, 0), (ACCOUNT, 5, 2), (ACCOUNT, 6, 4), (ACCOUNT, 12, 256),
        (ACCOUNT, 14, 900), (ACCOUNT, 10_000, 900),
        (ADDRESS, 19, 0), (ADDRESS, 20, 2), (ADDRESS, 25, 60), (ADDRESS, 10_000, 60),
    ],
)  # fmt: skip
def test_the_wait_doubles_with_each_failure_after_the_free_ones(limit: Limit, failures: int, seconds: int) -> None:
    assert limit.wait_ms(failures) == seconds * 1000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
    ],
)
def test_one_subscriber_is_one_address(one: str, other: str, same: bool) -> None:
    assert (Guarded.address(one) == Guarded.address(other)) is same


@pytest.mark.parametrize("text", ["", "unknown" * 100, "x" * 5000, "2001:db8::" + "0" * 90])
def test_no_address_makes_a_key_that_the_store_cannot_hold(text: str) -> None:
    assert len(Guarded.address(text).key) <= 80
    assert len(Guarded.account(text).key) <= 80


def test_a_session_that_is_used_ends_at_its_longest_all_the_same() -> None:
    assert model.expires_at(0, 10 * model.HOUR_MS) == 15 * model.MINUTE_MS
    assert model.expires_at(10 * model.HOUR_MS - 1, 10 * model.HOUR_MS) == 10 * model.HOUR_MS


@pytest.mark.parametrize(
    ("role", "means", "exposed", "needed"),
    [
        (OrganizationRole.owner, Means.password, True, True),
        (OrganizationRole.owner, Means.password, False, False),
        (OrganizationRole.owner, Means.code, True, False),
        (OrganizationRole.owner, Means.provider, True, False),
        (OrganizationRole.admin, Means.password, True, False),
    ],
)
def test_an_owner_needs_more_than_a_password_where_strangers_reach_the_server(
    role: OrganizationRole, means: Means, exposed: bool, needed: bool
) -> None:
    user = User(1, "dashboard", {1: OrganizationRole.member, 2: role})
    assert model.needs_second_factor(user, means, exposed=exposed) is needed


def test_what_is_drawn_of_a_cookie_tells_neither_the_cookie_nor_one_another() -> None:
    drawn = {model.drawn(secret, purpose) for secret in ("a", "b") for purpose in ("form", "state", "nonce")}
    assert len(drawn) == 6
    assert all(len(one) == 43 for one in drawn)


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, to six digits."""
    assert authenticator.code(totp.enrolment(SECRET, "ann@clinic.test").secret, seconds * 1000) == code
    assert totp.step_of(SECRET, code, seconds * 1000, 0) == seconds // 30


def test_a_code_holds_for_a_step_before_and_after_and_once() -> None:
    step = 41_000_000
    code = authenticator.code(totp.enrolment(SECRET, "a@b.test").secret, step * 30_000)

    found = [totp.step_of(SECRET, code, (step + late) * 30_000, 0) for late in (-2, -1, 0, 1, 2)]

    assert found == [None, step, step, step, None]
    assert totp.step_of(SECRET, code, step * 30_000, step) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "१२३४५६", "287082\n1", "2" * 10_000])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert totp.step_of(SECRET, code, 59_000, 0) is None


def test_a_code_may_be_written_in_groups() -> None:
    assert totp.step_of(SECRET, " 287 082 ", 59_000, 0) == 1


def test_the_address_for_the_app_names_who_and_where() -> None:
    uri = totp.enrolment(SECRET, "ann@clinic.test").uri
    assert uri.startswith("otpauth://totp/Waypost:ann%40clinic.test?")
    assert {"secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "digits=6", "period=30", "algorithm=SHA1"} <= set(
        uri.partition("?")[2].split("&")
    )


def test_the_picture_is_svg_without_style_or_script() -> None:
    picture = totp.enrolment(SECRET, "ann@clinic.test").picture
    tree = ElementTree.fromstring(picture)
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} == {"svg", "title", "path"}
    assert not any("style" in element.attrib for element in tree.iter())
    assert "viewBox" in tree.attrib, "it could not be scaled, but would be cut"


def test_recovery_codes_are_random_and_read_well() -> None:
    codes = totp.recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert {len(totp.without_spaces(code)) for code in codes} == {16}
    assert totp.without_spaces(codes[0].upper().replace("-", " ")) == totp.without_spaces(codes[0])
