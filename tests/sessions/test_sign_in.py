"""Signing in with a password, coming back with the cookie, and the ends of a session; on both stores."""

from tests.sessions.conftest import CLI, IP, PASSWORD, World
from tests.support import tenants
from tests.support.stores import commits_of
from waypost import ids
from waypost.access import EnvironmentRole, OrganizationRole, operator
from waypost.sessions import store
from waypost.sessions.model import HOUR_MS, Means, NotSignedIn, SignedIn
from waypost.sessions.passwords import Cost, Passwords
from waypost.users import memberships
from waypost.users.store import get


async def test_whoever_knows_the_password_is_let_in_with_their_roles(world: World) -> None:
    user_id = await world.person(role=OrganizationRole.admin)
    development = world.tenant.development
    await world.db.write(lambda tx: memberships.assign(tx, development, user_id, EnvironmentRole.support))

    entered = await world.inside(" Ann@Clinic.TEST ")

    session = await world.back(entered)
    assert session == entered.session
    assert (session.user_id, session.email, session.name) == (user_id, "ann@clinic.test", "ann")
    assert (session.user.client_id, session.means) == ("dashboard", Means.password)
    assert session.user.organizations == {world.tenant.id: OrganizationRole.admin}
    assert session.user.environments == {development: EnvironmentRole.support}
    assert session.signed_in_at_ms == world.clock.now_ms()
    assert session.ends_at_ms == world.clock.now_ms() + 12 * HOUR_MS
    assert not session.needs_second_factor


async def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing(world: World) -> None:
    await world.person()
    await world.person("no.password@clinic.test", password=None)

    found = [
        await world.enter("ann@clinic.test", "wrong password"),
        await world.enter("nobody@clinic.test", PASSWORD),
        await world.enter("no.password@clinic.test", PASSWORD),
        await world.enter("", ""),
        await world.enter("x" * 10_000, "y" * 10_000),
    ]

    assert found == [NotSignedIn(0)] * 5


async def test_the_cookie_is_nowhere_in_the_store(world: World) -> None:
    await world.person()
    entered = await world.inside()

    [row] = await world.db.read(lambda tx: store.list_of(tx, entered.session.user_id, world.clock.now_ms()))

    assert row.digest == ids.digest(entered.cookie)
    assert entered.cookie not in repr(row)
    assert entered.cookie not in repr(entered)
    assert entered.session.csrf not in repr(entered)


async def test_every_sign_in_has_a_cookie_and_a_form_token_of_its_own(world: World) -> None:
    await world.person()
    one, other = await world.inside(), await world.inside()

    assert one.cookie != other.cookie
    assert one.session.csrf != other.session.csrf
    assert await world.back(one) is not None


async def test_what_is_no_cookie_of_a_session_brings_nothing_back(world: World) -> None:
    await world.person()
    entered = await world.inside()

    for cookie in ("", "x", ids.new_secret(), entered.session.id, entered.cookie.swapcase(), "é" * 43, "x" * 9000):
        assert await world.sessions.resume(cookie, IP) is None


async def test_a_session_that_is_not_used_ends_after_a_quarter_of_an_hour(world: World) -> None:
    await world.person()
    entered = await world.inside()
    world.clock.advance(15 * 60)
    assert await world.back(entered) is not None
    world.clock.advance(15 * 60 + 1)
    assert await world.back(entered) is None


async def test_a_session_that_is_used_goes_on_for_twelve_hours_and_no_longer(world: World) -> None:
    await world.person()
    entered = await world.inside()
    for _ in range(12 * 6):
        assert await world.back(entered) is not None
        world.clock.advance(600)
    assert await world.back(entered) is not None  # to the millisecond
    world.clock.advance(0.001)
    assert await world.back(entered) is None


async def test_coming_back_writes_once_a_minute_at_most(world: World) -> None:
    await world.person()
    entered = await world.inside()
    before = commits_of(world.db)
    for _ in range(4):
        await world.back(entered)
        world.clock.advance(15)
    assert commits_of(world.db) == before
    await world.back(entered)
    await world.back(entered)
    assert commits_of(world.db) == before + 1


async def test_a_role_that_is_lost_is_missed_at_once(world: World) -> None:
    user_id = await world.person(role=OrganizationRole.owner)
    await world.person("other@clinic.test", role=OrganizationRole.owner)
    entered = await world.inside()
    member = OrganizationRole.member
    await world.db.write(lambda tx: memberships.change(tx, world.tenant.id, user_id, member))

    session = await world.back(entered)

    assert session is not None
    assert session.user.organizations == {world.tenant.id: member}


async def test_whoever_belongs_to_no_organization_any_more_is_out(world: World) -> None:
    user_id = await world.person()
    entered = await world.inside()
    await world.db.write(lambda tx: memberships.leave(tx, world.tenant.id, user_id))

    assert await world.back(entered) is None
    assert await world.enter() == NotSignedIn(0)


async def test_a_removed_user_who_is_added_again_has_to_be_invited_again(world: World) -> None:
    user_id = await world.person()
    entered = await world.inside()
    await world.enrol(entered)
    left = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.users.remove(CLI, user_id)

    assert await world.person(password=None) == user_id

    assert await world.back(entered) is None
    assert await world.enter() == NotSignedIn(0)
    assert await world.db.read(lambda tx: store.invited(tx, left.token, world.clock.now_ms())) is None
    await world.users.remove(CLI, user_id)


async def test_signing_out_ends_this_session_alone(world: World) -> None:
    await world.person()
    one, other = await world.inside(), await world.inside()

    await world.sessions.sign_out(world.caller(one.session), one.session)

    assert await world.back(one) is None
    assert await world.back(other) is not None


async def test_signing_out_is_on_record_once(world: World) -> None:
    user_id = await world.person()
    session = (await world.inside()).session

    for _ in range(2):
        await world.sessions.sign_out(world.caller(session), session)

    [event] = await world.events("signed-out")
    assert (event["user_id"], event["client_id"], event["request_ip"]) == (user_id, "dashboard", IP)
    assert event["details"] == {"id": user_id}


async def test_signing_out_everywhere_ends_all_and_is_on_record(world: World) -> None:
    user_id = await world.person()
    entered = [await world.inside() for _ in range(3)]

    ended = await world.sessions.sign_out_everywhere(operator("users sessions end"), user_id)

    assert ended == 3
    assert [await world.back(one) for one in entered] == [None] * 3
    [event] = await world.events("sessions-ended")
    assert (event["route"], event["details"]["sessions"]) == ("waypost users sessions end", 3)


async def test_one_may_end_the_other_sessions_of_ones_own(world: World) -> None:
    user_id = await world.person()
    mine, other = await world.inside(), await world.inside()

    caller = world.caller(mine.session)
    assert await world.sessions.sign_out_everywhere(caller, user_id, but=mine.session.id) == 1

    assert await world.back(mine) is not None
    assert await world.back(other) is None


async def test_a_sign_in_is_on_record_and_is_the_last_login(world: World) -> None:
    user_id = await world.person()
    await world.inside()

    [event] = await world.events("signed-in")
    assert (event["user_id"], event["client_id"], event["request_ip"]) == (user_id, "dashboard", IP)
    assert (event["route"], event["request_id"]) == ("POST /sign-in", "a-request")
    assert event["details"] == {"id": user_id, "means": "password"}
    assert (await world.db.read(lambda tx: get(tx, user_id))).last_login == world.clock.now_ms()


async def test_a_refusal_is_on_record_in_every_organization_of_the_user(world: World) -> None:
    lab = await tenants.found(world.db, world.clock, "Lab")
    user_id = await world.person()
    await world.person(tenant=lab, password=None)

    await world.enter(password="wrong password")
    await world.enter("nobody@clinic.test")

    for tenant in (world.tenant, lab):
        [event] = await world.events("sign-in-refused", tenant=tenant)
        assert (event["user_id"], event["status"]) == (user_id, "refused")
        assert event["details"] == {"id": user_id, "means": "password", "waitSeconds": 0}


async def test_an_old_cost_is_renewed_when_its_owner_signs_in(world: World) -> None:
    user_id = await world.person()
    dear = Passwords(Cost(iterations=2, lanes=1, memory_kib=16))
    dated = await dear.derive(PASSWORD)
    await world.db.write(lambda tx: store.put_password(tx, user_id, dated, world.clock.now_ms()))

    assert isinstance(await world.enter(), SignedIn)

    kept = await world.db.read(lambda tx: store.password_of(tx, user_id))
    assert kept is not None
    assert not world.passwords.is_dated(kept)
    assert isinstance(await world.enter(), SignedIn)
