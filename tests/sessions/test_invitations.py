"""Links that set a password: once, for a while, and by whom for whom."""

import pytest

from tests.sessions.conftest import CLI, IP, PASSWORD, World
from tests.support import tenants
from waypost import ids
from waypost.access import Caller, OrganizationRole, Source, User, operator
from waypost.errors import Forbidden, Invalid, NotFound
from waypost.sessions import store
from waypost.sessions.model import NeedsCode, NotSignedIn, SignedIn

OWNER, ADMIN, MEMBER = OrganizationRole.owner, OrganizationRole.admin, OrganizationRole.member
NEW = "nine lazy foxes"


async def test_a_link_sets_the_password(world: World) -> None:
    await world.person(password=None)
    invitation = await world.invitations.invite(CLI, " ANN@clinic.test ")

    assert invitation.path == f"/dashboard/invitations/{invitation.token}"
    assert invitation.expires_at_ms == world.clock.now_ms() + 72 * 3600 * 1000
    assert await world.invitations.look(invitation.token) == "ann@clinic.test"
    assert await world.invitations.accept(invitation.token, PASSWORD, ip=IP) == "ann@clinic.test"
    assert isinstance(await world.enter(), SignedIn)


async def test_a_link_works_once(world: World) -> None:
    await world.person(password=None)
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.invitations.accept(invitation.token, PASSWORD, ip=IP)

    with pytest.raises(NotFound):
        await world.invitations.look(invitation.token)
    with pytest.raises(NotFound):
        await world.invitations.accept(invitation.token, NEW, ip=IP)


async def test_a_link_works_for_72_hours(world: World) -> None:
    await world.person(password=None)
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    world.clock.advance(72 * 3600 + 1)

    with pytest.raises(NotFound):
        await world.invitations.accept(invitation.token, PASSWORD, ip=IP)


async def test_a_newer_link_ends_the_one_before(world: World) -> None:
    await world.person(password=None)
    first = await world.invitations.invite(CLI, "ann@clinic.test")
    second = await world.invitations.invite(CLI, "ann@clinic.test")

    with pytest.raises(NotFound):
        await world.invitations.look(first.token)
    assert await world.invitations.look(second.token) == "ann@clinic.test"


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 5000, "é"])
async def test_what_is_no_link(world: World, token: str) -> None:
    with pytest.raises(NotFound):
        await world.invitations.look(token)


async def test_a_password_that_is_none_leaves_the_link_as_it_is(world: World) -> None:
    await world.person(password=None)
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")

    with pytest.raises(Invalid) as caught:
        await world.invitations.accept(invitation.token, "short", ip=IP)

    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/password", "too_short")]
    await world.invitations.accept(invitation.token, PASSWORD, ip=IP)


async def test_only_the_digest_of_a_link_is_kept(world: World) -> None:
    await world.person(password=None)
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")

    kept = await world.db.read(lambda tx: tx.execute(store.invitation.select()).one())
    assert kept.digest == ids.digest(invitation.token)
    assert invitation.token not in repr(kept)
    assert invitation.token not in repr(invitation)


async def test_until_it_is_used_the_old_password_holds_and_then_all_sessions_end(world: World) -> None:
    await world.person()
    before = await world.inside()
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    assert await world.back(before) is not None
    assert isinstance(await world.enter(), SignedIn)

    await world.invitations.accept(invitation.token, NEW, ip=IP)

    assert await world.back(before) is None
    assert await world.enter() == NotSignedIn(0)
    assert isinstance(await world.enter(password=NEW), SignedIn)


async def test_a_new_password_leaves_the_second_factor(world: World) -> None:
    await world.person()
    await world.enrol(await world.inside())
    half_way = await world.enter()
    invitation = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.invitations.accept(invitation.token, NEW, ip=IP)

    assert isinstance(half_way, NeedsCode)
    assert isinstance(await world.enter(password=NEW), NeedsCode)


async def test_who_has_lost_the_second_factor_gets_a_link_that_takes_it_away(world: World) -> None:
    await world.person()
    await world.enrol(await world.inside())
    invitation = await world.invitations.invite(CLI, "ann@clinic.test", drops_factor=True)
    assert isinstance(await world.enter(), NeedsCode)

    await world.invitations.accept(invitation.token, NEW, ip=IP)

    assert isinstance(await world.enter(password=NEW), SignedIn)
    [removed] = await world.events("second-factor-removed")
    assert removed["details"]["by"] == "invitation"


async def test_invitations_and_new_passwords_are_on_record(world: World) -> None:
    user_id = await world.person(password=None)
    invitation = await world.invitations.invite(operator("users invite"), "ann@clinic.test")
    await world.invitations.accept(invitation.token, PASSWORD, ip=IP, request_id="a-request", route="POST /x")

    invited, set_ = await world.events("user-invited", "password-set")
    assert (invited["route"], invited["user_id"]) == ("waypost users invite", None)
    assert invited["details"] == {"id": user_id, "email": "ann@clinic.test", "resetsSecondFactor": False}
    assert (set_["user_id"], set_["request_id"], set_["route"]) == (user_id, "a-request", "POST /x")
    assert set_["details"] == {"id": user_id, "after": "changed"}


@pytest.mark.parametrize(
    ("mine", "theirs", "refusal"),
    [
        (OWNER, OWNER, None), (OWNER, ADMIN, None), (OWNER, MEMBER, None),
        (ADMIN, OWNER, Forbidden), (ADMIN, ADMIN, None), (ADMIN, MEMBER, None),
        (MEMBER, MEMBER, NotFound), (MEMBER, OWNER, NotFound), (None, MEMBER, NotFound),
    ],
)  # fmt: skip
async def test_an_administrator_invites_whoever_is_no_more_than_they_are(
    world: World, mine: OrganizationRole | None, theirs: OrganizationRole, refusal: type[Exception] | None
) -> None:
    user_id = await world.person(role=theirs)
    user = User(99, "dashboard", {} if mine is None else {world.tenant.id: mine})
    caller = Caller(user, IP, "a-request", "POST /x")

    if refusal is None:
        await world.invitations.invite(caller, "ann@clinic.test")
        await world.sessions.sign_out_everywhere(caller, user_id)
        return
    with pytest.raises(refusal):
        await world.invitations.invite(caller, "ann@clinic.test")
    with pytest.raises(refusal):
        await world.sessions.sign_out_everywhere(caller, user_id)


async def test_an_owner_of_one_organization_cannot_become_somebody_of_another(world: World) -> None:
    lab = await tenants.found(world.db, world.clock, "Lab")
    await world.person(role=MEMBER)
    await world.person(role=OWNER, tenant=lab, password=None)
    here = Caller(User(99, "dashboard", {world.tenant.id: OWNER}), IP, "a-request", "POST /x")
    both = Caller(User(99, "dashboard", {world.tenant.id: OWNER, lab.id: OWNER}), IP, "a-request", "POST /x")

    with pytest.raises(Forbidden):
        await world.invitations.invite(here, "ann@clinic.test")
    await world.invitations.invite(both, "ann@clinic.test")


async def test_a_source_invites_nobody(world: World) -> None:
    await world.person()
    caller = Caller(Source("a-client", world.tenant.development), IP, "a-request", "POST /x")
    with pytest.raises(NotFound):
        await world.invitations.invite(caller, "ann@clinic.test")


async def test_nobody_is_invited_who_is_not_there(world: World) -> None:
    user_id = await world.person()
    with pytest.raises(NotFound):
        await world.invitations.invite(CLI, "nobody@clinic.test")
    left = await world.invitations.invite(CLI, "ann@clinic.test")
    await world.users.remove(CLI, user_id)
    with pytest.raises(NotFound):
        await world.invitations.invite(CLI, "ann@clinic.test")
    with pytest.raises(NotFound):
        await world.invitations.accept(left.token, PASSWORD, ip=IP)
