"""Users and their keys, as the command line manages them."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.conftest import SetClock
from tests.support import keys, tenants
from tests.support.tenants import Tenant

from waypost.access import Caller, EnvironmentRole, OrganizationRole, User, operator
from waypost.audit import store as audit
from waypost.audit.store import EventQuery
from waypost.db.database import Database
from waypost.errors import Conflict, Forbidden, Invalid, NotFound
from waypost.ids import is_uuid
from waypost.tokens.assertion import public_of
from waypost.users import memberships, store
from waypost.users.model import NewUser, PublicKeys
from waypost.users.service import Users

KEY = PublicKeys.of(public_of(keys.ec()))
CLI = operator("users add")


class World:
    def __init__(self, db: Database, clock: SetClock, tenant: Tenant) -> None:
        self.db, self.clock, self.tenant = db, clock, tenant
        self.changes = 0
        self.users = Users(db, clock, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def new(self, email: str = "ann@clinic.test", **more: Any) -> NewUser:
        return NewUser(email, more.pop("organization_id", self.tenant.id), more.pop("keys", KEY), **more)

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        number = self.tenant.id
        rows = await self.db.read(lambda tx: audit.page(tx, number, EventQuery(), offset=0, count=50))
        assert await self.db.read(lambda tx: audit.broken_link(tx, number)) is None
        return [(row["type"], json.loads(row["details"])) for row in reversed(rows)]


@pytest.fixture
async def world(db: Database, clock: SetClock) -> World:
    return World(db, clock, await tenants.found(db, clock))


async def test_a_new_user_has_the_roles_and_the_key_given(world: World) -> None:
    roles = {world.tenant.development: EnvironmentRole.engineer}
    added = await world.users.add(
        CLI, world.new(" Ann@Clinic.Test ", organization_role=OrganizationRole.owner, environment_roles=roles)
    )
    assert (added.user.id, added.user.email, added.user.name) == (1, "ann@clinic.test", "ann")
    assert is_uuid(added.key.client_id)
    (member,) = await world.users.list_all(CLI)
    assert member.organizations == {world.tenant.id: OrganizationRole.owner}
    assert member.environments == roles
    assert await world.db.read(lambda tx: store.key(tx, added.key.client_id)) == added.key
    assert world.changes == 1


async def test_adding_a_user_is_audited(world: World) -> None:
    added = await world.users.add(CLI, world.new(name="Ann"))
    assert await world.events() == [
        (
            "user-added",
            {
                "id": 1,
                "before": None,
                "after": {
                    "email": "ann@clinic.test",
                    "name": "Ann",
                    "organizationRole": "member",
                    "environmentRoles": {},
                    "clientId": added.key.client_id,
                },
            },
        )
    ]


async def test_given_ids_are_honoured_and_never_given_twice(world: World) -> None:
    added = await world.users.add(CLI, world.new(user_id=7, client_id="fixed-client"))
    assert (added.user.id, added.key.client_id) == (7, "fixed-client")
    assert (await world.users.add(CLI, world.new("b@clinic.test"))).user.id == 8
    for taken in (world.new("c@clinic.test", user_id=7), world.new("c@clinic.test", client_id="fixed-client")):
        with pytest.raises(Conflict):
            await world.users.add(CLI, taken)
    assert len(await world.users.list_all(CLI)) == 2


async def test_an_address_is_unique_whatever_its_case(world: World) -> None:
    await world.users.add(CLI, world.new("ann@clinic.test"))
    with pytest.raises(Conflict):
        await world.users.add(CLI, world.new("ANN@clinic.test"))


async def test_a_known_user_joins_a_second_organization(world: World) -> None:
    lab = await tenants.found(world.db, world.clock, "Lab")
    first = await world.users.add(CLI, world.new())
    second = await world.users.add(CLI, world.new("Ann@clinic.test", organization_id=lab.id))
    assert second.user.id == first.user.id
    assert second.key.client_id != first.key.client_id
    (member,) = await world.users.list_all(CLI)
    assert set(member.organizations) == {world.tenant.id, lab.id}


async def test_every_fault_of_a_new_user_comes_back_at_once(world: World) -> None:
    wrong = world.new(
        "no address", name="a\nb", user_id=0, client_id="a b", keys=PublicKeys(),
        environment_roles={"elsewhere": EnvironmentRole.viewer},
    )  # fmt: skip
    with pytest.raises(Invalid) as caught:
        await world.users.add(CLI, wrong)
    pointers = {fault.pointer for fault in caught.value.faults}
    assert pointers == {"/email", "/name", "/id", "/clientId", "/jwkSet/keys", "/environmentRoles/0"}


@pytest.mark.parametrize(
    "email", ["", "@", "a@", "@b", "a@b@c", "a b@c", "a\n@b", "a" * 65 + "@b", "a@" + "b" * 253]
)
async def test_an_address_that_is_none_is_refused(world: World, email: str) -> None:
    with pytest.raises(Invalid):
        await world.users.add(CLI, world.new(email))


async def test_an_environment_of_another_organization_is_refused(world: World) -> None:
    lab = await tenants.found(world.db, world.clock, "Lab")
    with pytest.raises(Invalid):
        await world.users.add(CLI, world.new(environment_roles={lab.development: EnvironmentRole.viewer}))
    assert await world.users.list_all(CLI) == []


@pytest.mark.parametrize(
    ("jwk", "code"),
    [
        (keys.ec(), "private_key"),
        (keys.rsa(), "private_key"),
        (public_of(ECKey.generate_key("P-256").as_dict(private=False)) | {"kid": "x"}, "unsupported_key"),
        (keys.weak_rsa(), "unsupported_key"),
        ({"kty": "oct", "kid": "x", "k": "AAAA"}, "private_key"),
        (public_of(keys.ec()) | {"use": "enc"}, "unsupported_key"),
        (public_of(keys.ec()) | {"x": 5}, "unsupported_key"),
        (public_of(keys.ec()) | {"x": "!"}, "unsupported_key"),
        (public_of(keys.rsa()) | {"alg": "RS256"}, "unsupported_key"),
        (public_of(keys.rsa()) | {"n": "AA"}, "unsupported_key"),
        ({"kty": ["RSA"], "kid": "x"}, "unsupported_key"),
        (public_of(keys.ec()) | {"kid": ""}, "required"),
        (public_of(keys.ec()) | {"kid": "x" * 256}, "required"),
    ],
)
async def test_only_public_keys_for_our_algorithms_are_taken(world: World, jwk: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await world.users.add(CLI, world.new(keys=PublicKeys.of(jwk)))
    assert [fault.code for fault in caught.value.faults] == [code]


@pytest.mark.parametrize("kind", [{"keys": [5]}, {"keys": []}, {"keys": "x"}, {}, {"keys": [{"kid": "x"}] * 101}])
async def test_a_set_that_is_none_is_refused(world: World, kind: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await world.users.add(CLI, world.new(keys=PublicKeys(jwk_set=kind)))


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://keys.example/jwks.json", True),
        ("http://127.0.0.1:9000/jwks.json", True),
        ("http://[::1]:9000/jwks.json", True),
        ("http://keys.example/jwks.json", False),
        ("http://localhost.example/", False),
        ("ftp://keys.example/", False),
        ("https://user@keys.example/", False),
        ("https://keys.example/#x", False),
        ("https://[bad/", False),
        ("https://keys.example:99999/", False),
        ("keys.example", False),
        ("https://keys.example/\n", False),
    ],
)
async def test_a_key_set_url_is_https_but_for_loopback(world: World, url: str, taken: bool) -> None:
    faults = PublicKeys(jwks_url=url).faults()
    assert (faults == []) is taken


async def test_a_removed_user_has_neither_roles_nor_keys(world: World) -> None:
    await world.users.add(CLI, world.new("owner@clinic.test", organization_role=OrganizationRole.owner))
    roles = {world.tenant.development: EnvironmentRole.viewer}
    added = await world.users.add(CLI, world.new(environment_roles=roles))
    await world.users.remove(CLI, added.user.id)
    assert [member.user.email for member in await world.users.list_all(CLI)] == ["owner@clinic.test"]
    assert await world.db.read(lambda tx: store.key(tx, added.key.client_id)) is None
    assert await world.db.read(lambda tx: memberships.environments_of(tx, added.user.id)) == {}
    type_, details = (await world.events())[-1]
    assert (type_, details["id"], details["after"]) == ("user-removed", added.user.id, None)
    assert details["before"] == {"email": "ann@clinic.test", "organizationRole": "member"}
    with pytest.raises(NotFound):
        await world.users.remove(CLI, added.user.id)


async def test_a_removed_user_may_be_added_again_and_keeps_the_number(world: World) -> None:
    await world.users.add(CLI, world.new("owner@clinic.test", organization_role=OrganizationRole.owner))
    added = await world.users.add(CLI, world.new())
    await world.users.remove(CLI, added.user.id)
    other = await world.users.add(CLI, world.new("other@clinic.test"))
    again = await world.users.add(CLI, world.new())
    assert (other.user.id, again.user.id) == (3, added.user.id)
    assert await world.db.read(lambda tx: store.key(tx, added.key.client_id)) is None


async def test_the_last_owner_stays(world: World) -> None:
    owner = OrganizationRole.owner
    first = await world.users.add(CLI, world.new("one@clinic.test", organization_role=owner))
    with pytest.raises(Conflict):
        await world.users.remove(CLI, first.user.id)
    await world.users.add(CLI, world.new("two@clinic.test", organization_role=owner))
    await world.users.remove(CLI, first.user.id)
    assert [member.user.email for member in await world.users.list_all(CLI)] == ["two@clinic.test"]


async def test_removal_from_one_organization_leaves_the_other_and_the_keys(world: World) -> None:
    lab = await tenants.found(world.db, world.clock, "Lab")
    for tenant in (world.tenant, lab):
        owner = world.new(
            f"owner{tenant.id}@x.test", organization_id=tenant.id, organization_role=OrganizationRole.owner
        )
        await world.users.add(CLI, owner)
        added = await world.users.add(CLI, world.new(organization_id=tenant.id))
    await world.users.remove(CLI, added.user.id, organization_id=lab.id)
    member = await world.users.find(CLI, "ANN@clinic.test")
    assert set(member.organizations) == {world.tenant.id}
    assert await world.db.read(lambda tx: store.key(tx, added.key.client_id)) is not None


async def test_keys_are_added_and_revoked(world: World) -> None:
    added = await world.users.add(CLI, world.new())
    key = await world.users.add_key(CLI, added.user.id, "laptop", PublicKeys(jwks_url="https://keys.example/"))
    await world.users.revoke_key(CLI, added.key.client_id)
    shown = {one.client_id: (one.name, one.revoked_at) for one in await world.users.keys(CLI, added.user.id)}
    assert shown == {added.key.client_id: ("default", world.clock.now_ms()), key.client_id: ("laptop", None)}
    assert [type_ for type_, _ in await world.events()][1:] == ["user-key-added", "user-key-revoked"]
    assert world.changes == 3


async def test_keys_that_are_not_there_or_not_right(world: World) -> None:
    added = await world.users.add(CLI, world.new())
    with pytest.raises(NotFound):
        await world.users.add_key(CLI, 99, "x", KEY)
    with pytest.raises(Invalid):
        await world.users.add_key(CLI, added.user.id, "a\nb", PublicKeys())
    with pytest.raises(Conflict):
        await world.users.add_key(CLI, added.user.id, "x", KEY, client_id=added.key.client_id)
    await world.users.revoke_key(CLI, added.key.client_id)
    for gone in (added.key.client_id, "unknown"):
        with pytest.raises(NotFound):
            await world.users.revoke_key(CLI, gone)
    with pytest.raises(NotFound):
        await world.users.keys(CLI, 99)


async def test_only_the_command_line_manages_users(world: World) -> None:
    owner = User(1, "c", {world.tenant.id: OrganizationRole.owner})
    caller = Caller(owner, "10.0.0.1", "r", "POST /x")
    with pytest.raises(Forbidden):
        await world.users.add(caller, world.new())
    with pytest.raises(Forbidden):
        await world.users.remove(caller, 1)
    with pytest.raises(Forbidden):
        await world.users.list_all(caller)
    with pytest.raises(Forbidden):
        await world.users.revoke_key(caller, "x")


async def test_an_organization_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        await world.users.add(CLI, world.new(organization_id=99))
