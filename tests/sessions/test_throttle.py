"""Whoever guesses has to wait: by account, by address, on every node, and without a word on whether it exists."""

import asyncio

import pytest

from tests.sessions.conftest import CLI, IP, PASSWORD, World
from waypost.sessions.model import NeedsCode, NotSignedIn, SignedIn

WRONG = "wrong password"


async def guess(world: World, times: int, email: str = "ann@clinic.test", *, ip: str = IP) -> list[int]:
    """The waits that are told, each waited for."""
    waits = []
    for _ in range(times):
        refused = await world.enter(email, WRONG, ip=ip)
        assert isinstance(refused, NotSignedIn)
        waits.append(refused.wait_seconds)
        world.clock.advance(refused.wait_seconds)
    return waits


@pytest.mark.parametrize("email", ["ann@clinic.test", "nobody@clinic.test"])
async def test_from_the_fifth_failure_each_wait_is_twice_the_last(world: World, email: str) -> None:
    await world.person()
    assert await guess(world, 8, email) == [0, 0, 0, 0, 2, 4, 8, 16]


async def test_while_one_waits_the_right_password_does_not_count_and_the_wait_grows_by_nothing(
    world: World,
) -> None:
    await world.person()
    await guess(world, 5)
    await world.enter(password=WRONG)

    assert await world.enter() == NotSignedIn(4)
    world.clock.advance(3)
    assert await world.enter() == NotSignedIn(1)
    world.clock.advance(1)
    assert isinstance(await world.enter(), SignedIn)


async def test_the_right_password_ends_the_counting(world: World) -> None:
    await world.person()
    await guess(world, 5)
    await world.inside()

    assert await guess(world, 4) == [0, 0, 0, 0]


async def test_failures_are_forgotten_after_a_day(world: World) -> None:
    await world.person()
    await guess(world, 6)
    world.clock.advance(24 * 3600 + 1)

    assert await guess(world, 1) == [0]


async def test_one_account_waits_and_no_other(world: World) -> None:
    await world.person()
    await world.person("bob@clinic.test")
    await guess(world, 6)
    await world.enter(password=WRONG)

    assert isinstance(await world.enter("bob@clinic.test"), SignedIn)


async def test_one_account_waits_wherever_the_guesses_come_from(world: World) -> None:
    await world.person()
    for number in range(5):
        await world.enter(password=WRONG, ip=f"198.51.100.{number}")

    assert await world.enter(ip="203.0.113.9") == NotSignedIn(2)


async def test_one_address_that_tries_many_accounts_waits(world: World) -> None:
    await world.person()
    for number in range(20):
        await world.enter(f"somebody{number}@clinic.test", WRONG)

    assert await world.enter() == NotSignedIn(2)
    assert isinstance(await world.enter(ip="203.0.113.9"), SignedIn)


async def test_an_account_of_ones_own_gives_an_address_no_further_guesses(world: World) -> None:
    await world.person()
    waits = []
    for number in range(24):
        refused = await world.enter(f"somebody{number}@clinic.test", WRONG)
        assert isinstance(refused, NotSignedIn)
        waits.append(refused.wait_seconds)
        world.clock.advance(refused.wait_seconds)
        await world.inside()

    assert waits[:19] == [0] * 19
    assert waits[19:] == [2, 4, 8, 16, 32]


async def test_a_hundred_at_once_are_no_more_than_one_after_the_other(world: World) -> None:
    await world.person()

    found = await asyncio.gather(*(world.enter(password=WRONG) for _ in range(20)))

    judged = [one for one in found if isinstance(one, NotSignedIn) and one.wait_seconds == 0]
    assert len(judged) <= 4
    assert len(await world.events("sign-in-refused")) == 5


async def test_refusals_while_one_waits_are_no_events(world: World) -> None:
    await world.person()
    await guess(world, 5)
    for _ in range(20):
        await world.enter(password=WRONG)

    events = await world.events("sign-in-refused")
    assert [event["details"]["waitSeconds"] for event in events] == [0, 0, 0, 0, 2, 4]


async def test_codes_are_counted_as_passwords_are(world: World) -> None:
    await world.person()
    await world.enrol(await world.inside())
    entered = await world.enter()
    assert isinstance(entered, NeedsCode)

    waits = []
    for _ in range(6):
        refused = await world.sessions.second_step(entered.step, "000000", ip=IP)
        assert isinstance(refused, NotSignedIn)
        waits.append(refused.wait_seconds)
        world.clock.advance(refused.wait_seconds)
    assert waits == [0, 0, 0, 0, 2, 4]

    again = await world.enter()  # knowing the password is no way round
    assert isinstance(again, NeedsCode)
    assert await world.sessions.second_step(again.step, "000000", ip=IP) == NotSignedIn(8)
    assert await world.sessions.second_step(again.step, "000000", ip=IP) == NotSignedIn(8)


async def test_an_invitation_ends_the_wait(world: World) -> None:
    await world.person()
    await guess(world, 9)
    await world.enter(password=WRONG)
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.invitations.accept(invitation.token, PASSWORD + "!", ip=IP)

    assert isinstance(await world.enter(password=PASSWORD + "!"), SignedIn)
