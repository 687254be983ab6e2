"""Which passwords are good enough, and how they are kept."""

import asyncio

import pytest

from tests.sessions.conftest import CHEAP
from waypost.errors import Unavailable
from waypost.sessions import passwords
from waypost.sessions.passwords import COMMON, Cost, Passwords, faults_of


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("eleven char", "too_short"),
        ("twelve chars", None),
        ("a b c d e f g", None),
        ("x" * 256 + "y", "too_long"),
        ("ab" * 128, None),
        ("ann@clinic.test", "is_the_email"),
        ("ANN@clinic.test", "is_the_email"),
        ("passwordpassword", "too_common"),
        ("PassWord12345", "too_common"),
        ("zzzzzzzzzzzzzzz", "too_common"),
        ("pässwörter für alle", None),
        ("\ufdfa" * 256, "too_long"),  # one letter that is written out as eighteen
        ("１２３４５６７８９０１２", "too_common"),  # digits of another width
    ],
)
def test_a_password_is_long_and_not_what_everybody_tries(password: str, code: str | None) -> None:
    found = [fault.code for fault in faults_of(password, "ann@clinic.test")]
    assert found == ([] if code is None else [code])


def test_no_refusal_repeats_the_password() -> None:
    faults = faults_of("passwordpassword", "ann@clinic.test")
    assert "passwordpassword" not in repr(faults)


def test_everything_on_the_list_is_long_enough_to_be_tried() -> None:
    assert [word for word in COMMON if len(word) < passwords.LEAST or word != word.casefold()] == []


async def test_a_password_is_verified_by_what_is_kept_of_it() -> None:
    kept = await Passwords(CHEAP).derive("correct horse battery")

    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await Passwords(CHEAP).verify("correct horse battery", kept)
    assert not await Passwords(CHEAP).verify("correct horse batterY", kept)
    assert not await Passwords(CHEAP).verify("correct horse battery", "not what derives")


async def test_a_letter_is_the_same_however_the_keyboard_composes_it() -> None:
    kept = await Passwords(CHEAP).derive("cafe\u0301 de la gare")

    assert await Passwords(CHEAP).verify("caf\u00e9 de la gare", kept)


async def test_nobodys_password_is_never_right() -> None:
    for password in ("", "correct horse battery", "\ud800", "x" * 100_000):
        assert not await Passwords(CHEAP).verify(password, None)


async def test_the_same_password_is_kept_differently_each_time() -> None:
    one, other = [await Passwords(CHEAP).derive("correct horse battery") for _ in range(2)]
    assert one != other


async def test_what_was_derived_at_another_cost_is_dated_and_still_verified() -> None:
    kept = await Passwords(CHEAP).derive("correct horse battery")
    dearer = Passwords(Cost(iterations=2, lanes=1, memory_kib=16))

    assert dearer.is_dated(kept)
    assert not Passwords(CHEAP).is_dated(kept)
    assert await dearer.verify("correct horse battery", kept)


async def test_more_than_can_wait_are_turned_away() -> None:
    busy = Passwords(CHEAP)
    asked = [busy.verify("a password", None) for _ in range(passwords.MOST_WAITING + 5)]

    found = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, Unavailable) for one in found) == 5
    assert not await busy.verify("a password", None)
