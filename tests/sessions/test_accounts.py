"""The own account: another password, a second factor and its codes, and what each change ends."""

import asyncio

import pytest

from tests.sessions.conftest import IP, PASSWORD, World
from waypost import ids
from waypost.access import OrganizationRole
from waypost.errors import Conflict, Invalid, Unauthenticated
from waypost.sessions import factors, totp
from waypost.sessions.accounts import WithCodes
from waypost.sessions.model import STEP_MS, Expired, Means, NeedsCode, NotSignedIn, SignedIn
from waypost.sessions.totp import Enrolment
from waypost.users import memberships

NEW = "nine lazy foxes"


async def with_code(world: World, code: str) -> SignedIn | NotSignedIn | Expired:
    entered = await world.enter()
    assert isinstance(entered, NeedsCode)
    return await world.sessions.second_step(entered.step, code, ip=IP, request_id="a-request", route="POST /code")


async def test_an_account_tells_what_somebody_signs_in_with(world: World) -> None:
    await world.person()
    mine, other = await world.inside(), await world.inside(ip="198.51.100.3")

    account = await world.accounts.look(mine.session)

    assert (account.has_password, account.factor_since_ms, account.recovery_codes_left) == (True, None, 0)
    assert {(row.digest, row.ip) for row in account.sessions} == {
        (mine.session.id, IP), (other.session.id, "198.51.100.3"),
    }  # fmt: skip


async def test_another_password_for_whoever_knows_the_one_so_far(world: World) -> None:
    user_id = await world.person()
    mine, other = await world.inside(), await world.inside()

    changed = await world.accounts.change_password(world.caller(mine.session), mine.session, PASSWORD, NEW)

    assert isinstance(changed, SignedIn)
    assert await world.back(changed) == changed.session
    assert changed.session.ends_at_ms == mine.session.ends_at_ms
    assert [await world.back(one) for one in (mine, other)] == [None, None]
    assert await world.enter() == NotSignedIn(0)
    assert isinstance(await world.enter(password=NEW), SignedIn)
    event = (await world.events("password-set"))[-1]
    assert (event["user_id"], event["details"]) == (user_id, {"id": user_id, "after": "changed"})


async def test_a_wrong_password_changes_nothing_and_is_counted(world: World) -> None:
    await world.person()
    mine = await world.inside()
    caller = world.caller(mine.session)

    for _ in range(5):
        refused = await world.accounts.change_password(caller, mine.session, "wrong password", NEW)
        assert isinstance(refused, NotSignedIn)

    assert refused == NotSignedIn(2)
    assert await world.back(mine) is not None
    assert await world.enter() == NotSignedIn(2)


async def test_a_new_password_has_to_be_one(world: World) -> None:
    await world.person()
    mine = await world.inside()
    with pytest.raises(Invalid):
        await world.accounts.change_password(world.caller(mine.session), mine.session, PASSWORD, "ann@clinic.test")


async def test_with_a_second_factor_the_password_alone_gives_no_session(world: World) -> None:
    await world.person()
    enrolment, _ = await world.enrol(await world.inside())

    entered = await world.enter()

    assert isinstance(entered, NeedsCode)
    assert await world.sessions.resume(entered.step, IP) is None
    signed_in = await world.sessions.second_step(entered.step, world.code(enrolment), ip=IP)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.cookie != entered.step
    assert signed_in.session.means is Means.code
    assert await world.back(signed_in) == signed_in.session


async def test_a_step_is_used_once_and_within_five_minutes(world: World) -> None:
    await world.person()
    enrolment, done = await world.enrol(await world.inside())
    used, late = await world.enter(), await world.enter()
    assert isinstance(used, NeedsCode)
    assert isinstance(late, NeedsCode)
    await world.sessions.second_step(used.step, world.code(enrolment), ip=IP)

    assert await world.sessions.second_step(used.step, done.recovery_codes[0], ip=IP) == Expired()
    world.clock.advance(STEP_MS / 1000 + 0.001)
    assert await world.sessions.second_step(late.step, world.code(enrolment), ip=IP) == Expired()
    assert await world.sessions.second_step(ids.new_secret(), world.code(enrolment), ip=IP) == Expired()


async def test_a_code_is_used_once(world: World) -> None:
    await world.person()
    enrolment, _ = await world.enrol(await world.inside())
    code = world.code(enrolment)

    assert isinstance(await with_code(world, code), SignedIn)
    assert await with_code(world, code) == NotSignedIn(0)
    world.clock.advance(totp.STEP_SECONDS)
    assert await with_code(world, code) == NotSignedIn(0)
    assert isinstance(await with_code(world, world.code(enrolment)), SignedIn)


async def test_of_two_who_come_with_one_code_one_gets_in(world: World) -> None:
    await world.person()
    enrolment, done = await world.enrol(await world.inside())

    for code in (world.code(enrolment), done.recovery_codes[3]):
        found = await asyncio.gather(*(with_code(world, code) for _ in range(4)))
        assert [isinstance(one, SignedIn) for one in found].count(True) == 1


async def test_the_code_that_confirmed_a_factor_is_used(world: World) -> None:
    await world.person()
    session = (await world.inside()).session
    begun = await world.accounts.begin_factor(world.caller(session), session, PASSWORD)
    assert isinstance(begun, Enrolment)
    code = world.code(begun)
    await world.accounts.confirm_factor(world.caller(session), session, code)

    assert await with_code(world, code) == NotSignedIn(0)


async def test_a_recovery_code_works_once_and_is_on_record(world: World) -> None:
    user_id = await world.person()
    _, done = await world.enrol(await world.inside())
    code = done.recovery_codes[4]

    signed_in = await with_code(world, f" {code.upper()} ")

    assert isinstance(signed_in, SignedIn)
    assert await with_code(world, code) == NotSignedIn(0)
    assert (await world.accounts.look(signed_in.session)).recovery_codes_left == 9
    [event] = await world.events("recovery-code-used")
    assert event["details"] == {"id": user_id, "left": 9}


async def test_enrolling_renews_the_cookie_and_ends_the_other_sessions(world: World) -> None:
    user_id = await world.person()
    mine, other = await world.inside(), await world.inside()

    _, done = await world.enrol(mine)

    assert [await world.back(one) for one in (mine, other)] == [None, None]
    session = await world.back(done.signed_in)
    assert session is not None
    assert session.means is Means.code
    account = await world.accounts.look(session)
    assert account.factor_since_ms is not None
    assert account.recovery_codes_left == len(set(done.recovery_codes)) == 10
    [event] = await world.events("second-factor-added")
    assert (event["user_id"], event["details"]) == (user_id, {"id": user_id})


async def test_a_factor_counts_only_once_a_code_was_seen(world: World) -> None:
    await world.person()
    session = (await world.inside()).session
    begun = await world.accounts.begin_factor(world.caller(session), session, PASSWORD)

    assert await world.accounts.begun_factor(session) == begun
    assert isinstance(await world.enter(), SignedIn)
    assert await world.accounts.confirm_factor(world.caller(session), session, "000000") == NotSignedIn(0)
    assert isinstance(await world.enter(), SignedIn)


async def test_a_secret_belongs_to_the_session_that_began_with_it(world: World) -> None:
    """Whoever has stolen another session can neither read it nor have their own confirmed."""
    await world.person()
    mine, other = (await world.inside()).session, (await world.inside()).session
    stolen = await world.accounts.begin_factor(world.caller(other), other, PASSWORD)
    begun = await world.accounts.begin_factor(world.caller(mine), mine, PASSWORD)
    assert isinstance(stolen, Enrolment)
    assert isinstance(begun, Enrolment)

    assert await world.accounts.begun_factor(other) is None
    assert await world.accounts.confirm_factor(world.caller(other), other, world.code(begun)) == Expired()
    assert await world.accounts.confirm_factor(world.caller(mine), mine, world.code(stolen)) == NotSignedIn(0)
    assert isinstance(await world.accounts.confirm_factor(world.caller(mine), mine, world.code(begun)), WithCodes)


async def test_a_second_factor_is_begun_with_the_password(world: World) -> None:
    await world.person()
    session = (await world.inside()).session

    assert await world.accounts.begin_factor(world.caller(session), session, "wrong password") == NotSignedIn(0)
    assert await world.accounts.begun_factor(session) is None


async def test_an_owner_who_is_led_here_is_not_asked_again_and_is_free_afterwards(world: World) -> None:
    world.exposed = True
    await world.person(role=OrganizationRole.owner)
    mine = await world.inside()
    assert mine.session.needs_second_factor

    enrolment, done = await world.enrol(mine, password="")

    assert not done.signed_in.session.needs_second_factor
    signed_in = await with_code(world, world.code(enrolment))
    assert isinstance(signed_in, SignedIn)
    assert not signed_in.session.needs_second_factor


async def test_whoever_becomes_an_owner_is_led_to_it_at_the_next_request(world: World) -> None:
    world.exposed = True
    user_id = await world.person()
    mine = await world.inside()
    assert not mine.session.needs_second_factor

    owner = OrganizationRole.owner
    await world.db.write(lambda tx: memberships.change(tx, world.tenant.id, user_id, owner))

    session = await world.back(mine)
    assert session is not None
    assert session.needs_second_factor


async def test_there_is_one_factor_until_it_is_removed_with_a_code(world: World) -> None:
    world.exposed = True
    user_id = await world.person(role=OrganizationRole.owner)
    enrolment, done = await world.enrol(await world.inside())
    session = done.signed_in.session
    caller = world.caller(session)
    with pytest.raises(Conflict):
        await world.accounts.begin_factor(caller, session, PASSWORD)
    assert await world.accounts.remove_factor(caller, session, "000000") == NotSignedIn(0)

    removed = await world.accounts.remove_factor(caller, session, world.code(enrolment))

    assert isinstance(removed, SignedIn)
    assert removed.session.needs_second_factor
    assert await world.back(done.signed_in) is None
    assert isinstance(await world.enter(), SignedIn)
    assert await world.db.read(lambda tx: factors.recovery_codes_left(tx, user_id)) == 0
    assert [event["type"] for event in await world.events("second-factor-removed", "sign-in-refused")] == [
        "sign-in-refused", "second-factor-removed",
    ]  # fmt: skip


async def test_fresh_recovery_codes_end_the_old_ones(world: World) -> None:
    await world.person()
    enrolment, done = await world.enrol(await world.inside())
    session = done.signed_in.session

    renewed = await world.accounts.renew_recovery_codes(world.caller(session), session, world.code(enrolment))

    assert isinstance(renewed, WithCodes)
    assert not set(renewed.recovery_codes) & set(done.recovery_codes)
    assert await with_code(world, done.recovery_codes[0]) == NotSignedIn(0)
    assert isinstance(await with_code(world, renewed.recovery_codes[0]), SignedIn)
    assert len(await world.events("recovery-codes-renewed")) == 1


async def test_a_session_that_has_ended_meanwhile_changes_nothing(world: World) -> None:
    await world.person()
    session = (await world.inside()).session
    begun = await world.accounts.begin_factor(world.caller(session), session, PASSWORD)
    assert isinstance(begun, Enrolment)
    await world.sessions.sign_out(world.caller(session), session)

    with pytest.raises(Unauthenticated):
        await world.accounts.confirm_factor(world.caller(session), session, world.code(begun))
    with pytest.raises(Unauthenticated):
        await world.accounts.change_password(world.caller(session), session, PASSWORD, NEW)

    assert isinstance(await world.enter(), SignedIn)


async def test_neither_secret_nor_recovery_codes_can_be_read_in_the_store(world: World) -> None:
    user_id = await world.person()
    enrolment, done = await world.enrol(await world.inside())

    factor = await world.db.read(lambda tx: factors.of(tx, user_id))
    digests = await world.db.read(lambda tx: tx.scalars(factors.recovery_code.select()).all())

    assert factor is not None
    assert enrolment.secret.encode() not in factor.secret
    assert await world.db.read(lambda tx: factors.open_secret(tx, world.vault, factor)) not in factor.secret
    assert not any(code in repr(digests) for code in done.recovery_codes)
    assert done.recovery_codes[0] not in repr(done)
    assert enrolment.secret not in repr(enrolment)
