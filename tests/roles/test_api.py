"""Access control over HTTP: the documented shapes, and who may change what."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.conftest import SetClock
from tests.support import keys, tenants
from tests.support.serving import Answer, Client, Serving
from tests.support.tenants import Tenant

from waypost.access import EnvironmentRole, OrganizationRole, Principal, operator
from waypost.audit import store as audit
from waypost.audit.store import EventQuery
from waypost.clock import iso
from waypost.db.database import Database, Tx
from waypost.errors import Unauthenticated
from waypost.roles import api
from waypost.roles.model import role_id
from waypost.roles.service import Roles
from waypost.sessions import factors
from waypost.tokens.assertion import public_of
from waypost.users import memberships, store
from waypost.users.model import NewUser, PublicKeys
from waypost.users.service import Users
from waypost.vault.vault import INSTALLATION, Vault

OWNER, ADMIN, MEMBER = OrganizationRole.owner, OrganizationRole.admin, OrganizationRole.member
ENGINEER, VIEWER = EnvironmentRole.engineer, EnvironmentRole.viewer


class World:
    """Owner 1, admin 2, member 3 (an engineer), and stranger 4 who owns another organization."""

    def __init__(self, db: Database, clock: SetClock, clinic: Tenant, lab: Tenant) -> None:
        self.db, self.clock, self.clinic, self.lab = db, clock, clinic, lab
        self.changes = 0
        self.users = Users(db, clock, self.changed)
        self.roles = Roles(db, clock, self.changed)
        self.call: Client

    def changed(self) -> None:
        self.changes += 1

    async def add(self, name: str, tenant: Tenant, role: OrganizationRole, **roles: EnvironmentRole) -> None:
        environments = {tenant.environments[name]: role for name, role in roles.items()}
        public = PublicKeys.of(public_of(keys.ec()))
        new = NewUser(
            f"{name}@x.test", tenant.id, public, name.title(), role, environments, client_id=f"{name}-{tenant.id}"
        )
        await self.users.add(operator("users add"), new)

    async def authenticate(self, token: str) -> Principal:
        found = await self.db.read(lambda tx: memberships.principal(tx, token))
        if found is None:
            raise Unauthenticated("Unknown token.")
        return found

    def organization(self, method: str, body: Any = None, who: str = "owner", number: Any = None) -> Answer:
        number = self.clinic.id if number is None else number
        return self._send(method, f"organizations/{number}/role-assignment", body, who)

    def environment(self, method: str, body: Any = None, who: str = "owner", place: str = "") -> Answer:
        return self._send(method, f"environments/{place or self.clinic.development}/role-assignment", body, who)

    def _send(self, method: str, path: str, body: Any, who: str) -> Answer:
        token = {"stranger": f"stranger-{self.lab.id}"}.get(who, f"{who}-{self.clinic.id}")
        return self.call(method, f"/platform/v1/{path}", body, token=token)

    async def organization_role(self, user_id: int) -> OrganizationRole | None:
        return await self.db.read(lambda tx: memberships.in_organization(tx, self.clinic.id, user_id))

    async def environment_role(self, user_id: int) -> EnvironmentRole | None:
        return await self.db.read(lambda tx: memberships.in_environment(tx, self.clinic.development, user_id))

    async def events(self) -> list[Any]:
        """Type, environment and details of every event since the users were made; the chain holds."""
        number = self.clinic.id
        assert await self.db.read(lambda tx: audit.broken_link(tx, number)) is None
        rows = await self.db.read(lambda tx: audit.page(tx, number, EventQuery(), offset=0, count=50))
        return [
            (row["type"], row["environment_id"], json.loads(row["details"]))
            for row in reversed(rows)
            if row["type"] != "user-added"
        ]


def give(role: dict[str, Any] | str, user: Any) -> dict[str, Any]:
    return {"role": {"name": role} if isinstance(role, str) else role, "user": {"id": user}}


def take(user: Any) -> dict[str, Any]:
    return {"user": {"id": user}}


@pytest.fixture
async def world(db: Database, clock: SetClock) -> AsyncIterator[World]:
    made = World(db, clock, await tenants.found(db, clock), await tenants.found(db, clock, "Lab"))
    await made.add("owner", made.clinic, OWNER)
    await made.add("admin", made.clinic, ADMIN)
    await made.add("member", made.clinic, MEMBER, Development=ENGINEER)
    await made.add("stranger", made.lab, OWNER)
    made.changes = 0
    with Serving(tenants.app([api.router(made.roles)], made.authenticate)) as serving:
        made.call = serving.client
        yield made


async def test_organization_memberships_have_the_documented_shape(world: World) -> None:
    await world.db.write(lambda tx: store.seen(tx, 1, world.clock.now_ms()))
    answer = world.organization("GET")
    assert (answer.status, answer.json["meta"]) == (200, {"version": "1.0.0"})
    owner, admin, member = answer.payload["memberships"]
    assert owner == {
        "organization": {"id": str(world.clinic.id), "name": "Clinic"},
        "role": {"id": role_id(OWNER), "name": "owner"},
        "user": {
            "id": "1",
            "fullname": "Owner",
            "lowercaseEmail": "owner@x.test",
            "lastLogin": iso(world.clock.now_ms()),
            "verified2fa": False,
        },
    }
    assert (admin["role"]["name"], admin["user"]["lastLogin"]) == ("admin", None)
    assert member["user"]["id"] == "3"


async def test_a_member_who_gives_codes_is_told_of(world: World, vault: Vault) -> None:
    await vault.prepare(INSTALLATION)

    def begin(tx: Tx) -> None:
        for user_id in (1, 3):
            factors.begin(tx, vault, user_id, b"a secret of a phone", "a session")
        factors.confirm(tx, 3, world.clock.now_ms())

    await world.db.write(begin)

    found = [member["user"] for member in world.organization("GET").payload["memberships"]]
    assert {user["id"]: user["verified2fa"] for user in found} == {"1": False, "2": False, "3": True}


async def test_environment_memberships_have_the_documented_shape(world: World) -> None:
    assert world.environment("GET").payload == {
        "memberships": [
            {
                "environment": {"id": world.clinic.development, "name": "Development"},
                "role": {"id": role_id(ENGINEER), "name": "engineer"},
                "user": {"id": "3", "fullname": "Member", "lowercaseEmail": "member@x.test"},
            }
        ]
    }
    assert world.environment("GET", place=world.clinic.production).payload == {"memberships": []}


def test_role_ids_are_the_same_in_every_installation() -> None:
    assert role_id(OWNER) == "49ed8142-32ab-5c20-b020-ed39a481fb02"
    ids = {role_id(role) for role in (*OrganizationRole, *EnvironmentRole)}
    assert len(ids) == 6


@pytest.mark.parametrize(
    ("method", "who", "status"),
    [
        ("GET", "owner", 200),
        ("GET", "admin", 200),
        ("GET", "member", 403),
        ("GET", "stranger", 404),
        ("PUT", "owner", 200),
        ("PUT", "admin", 403),
        ("PUT", "member", 403),
        ("PUT", "stranger", 404),
        ("DELETE", "owner", 200),
        ("DELETE", "admin", 403),
        ("DELETE", "member", 403),
        ("DELETE", "stranger", 404),
    ],
)
async def test_owners_change_organization_roles_and_admins_see_them(
    world: World, method: str, who: str, status: int
) -> None:
    body = {"GET": None, "PUT": give("admin", 3), "DELETE": take(3)}[method]
    assert world.organization(method, body, who).status == status
    if status != 200:
        assert await world.organization_role(3) is MEMBER
        assert await world.events() == []


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("admin", 200), ("member", 403), ("stranger", 404)])
async def test_owners_and_admins_manage_environment_roles_without_one_of_their_own(
    world: World, who: str, status: int
) -> None:
    assert world.environment("GET", None, who).status == status
    assert world.environment("POST", give("viewer", 1), who).status == status
    assert world.environment("PUT", give("support", 3), who).status == status
    assert world.environment("DELETE", take(3), who).status == status
    changed = (None, VIEWER) if status == 200 else (ENGINEER, None)
    assert (await world.environment_role(3), await world.environment_role(1)) == changed


async def test_the_403_names_the_role_and_the_404_tells_nothing(world: World) -> None:
    assert "admin or owner" in world.environment("GET", who="member").json["detail"]
    strange = world.environment("GET", who="stranger").json
    nothing = world.environment("GET", who="stranger", place="0190b2d4-0000-7000-8000-000000000000").json
    assert {**strange, "instance": ""} == {**nothing, "instance": ""}
    assert world.environment("GET", place="no-uuid").status == 404
    assert world.organization("GET", number="abc").status == 404
    assert world.organization("GET", number=world.lab.id).status == 404


async def test_a_role_may_be_named_by_id_by_name_or_by_both(world: World) -> None:
    for role in ({"id": role_id(ADMIN)}, {"name": "member"}, {"id": role_id(ADMIN), "name": "admin"}):
        answer = world.organization("PUT", give(role, "3"))
        assert (answer.status, answer.payload) == (200, {"success": True})
    assert await world.organization_role(3) is ADMIN
    assert world.organization("PUT", give("owner", 3)).status == 200
    assert await world.organization_role(3) is OWNER


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/role", "required"), ("/user", "required")]),
        (give({}, 3), [("/role", "required")]),
        (give({"id": "x", "name": "y"}, 3), [("/role/id", "unknown_role"), ("/role/name", "unknown_role")]),
        (give("engineer", 3), [("/role/name", "unknown_role")]),
        (give({"id": role_id(ENGINEER)}, 3), [("/role/id", "unknown_role")]),
        (give({"id": role_id(OWNER), "name": "admin"}, 3), [("/role", "contradictory")]),
        (give("admin", 4), [("/user/id", "not_a_member")]),
        (give("admin", 99), [("/user/id", "not_a_member")]),
        (give("nothing", "x"), [("/role/name", "unknown_role"), ("/user/id", "invalid_id")]),
        (give("admin", -1), [("/user/id", "invalid_id")]),
        (give("admin", 2**64 - 1), [("/user/id", "invalid_id")]),
        (give("admin", "²"), [("/user/id", "invalid_id")]),
        (give("admin", True), [("/user/id", "wrong_type")]),
        (give("admin", 1.5), [("/user/id", "wrong_type")]),
        (give("admin", None), [("/user/id", "wrong_type")]),
        (give("admin", "9" * 256), [("/user/id", "string_too_long")]),
        ({**give("admin", 3), "extra": 1}, [("/extra", "unknown_field")]),
        ([], [("", "wrong_type")]),
    ],
)
async def test_every_fault_of_an_assignment_is_pointed_at(
    world: World, body: Any, faults: list[tuple[str, str]]
) -> None:
    answer = world.organization("PUT", body)
    assert (answer.status, sorted(answer.faults)) == (400, sorted(faults))
    assert await world.events() == []


async def test_no_body_at_all_is_no_surprise(world: World) -> None:
    assert world.environment("DELETE").status == 415
    assert world.environment("DELETE", b"{").faults == [("", "malformed_json")]
    assert world.environment("DELETE", {}).faults == [("/user", "required")]
    assert world.environment("DELETE", take("x")).faults == [("/user/id", "invalid_id")]


async def test_changes_of_organization_roles_are_audited_and_told(world: World) -> None:
    world.organization("PUT", give("admin", 3))
    world.organization("PUT", give("admin", 3))
    world.organization("DELETE", take(3))
    assert await world.events() == [
        ("role-updated", None, {"id": 3, "before": {"role": "member"}, "after": {"role": "admin"}}),
        ("role-removed", None, {"id": 3, "before": {"role": "admin"}, "after": None}),
    ]
    assert world.changes == 3


async def test_the_last_owner_is_neither_demoted_nor_removed(world: World) -> None:
    for answer in (
        world.organization("PUT", give("admin", 1)),
        world.organization("DELETE", take(1)),
    ):
        assert answer.status == 409
        assert "owner" in answer.json["detail"]
    assert await world.organization_role(1) is OWNER
    assert await world.events() == []


async def test_one_of_two_owners_may_go(world: World) -> None:
    world.organization("PUT", give("owner", 2))
    assert world.organization("PUT", give("member", 1)).status == 200
    assert world.organization("GET").status == 403
    assert world.organization("DELETE", take(2), "admin").status == 409


async def test_who_leaves_the_organization_leaves_its_environments_and_no_others(world: World) -> None:
    joined = NewUser(
        "member@x.test", world.lab.id, PublicKeys.of(public_of(keys.ec())),
        environment_roles={world.lab.development: VIEWER},
    )  # fmt: skip
    await world.users.add(operator("users add"), joined)
    assert world.organization("DELETE", take("3")).payload == {"success": True}
    assert await world.db.read(lambda tx: memberships.environments_of(tx, 3)) == {world.lab.development: VIEWER}
    assert await world.organization_role(3) is None
    assert world.organization("DELETE", take("3")).status == 404
    assert world.environment("GET", who="member").status == 404


async def test_an_environment_role_is_given_once_and_then_changed(world: World) -> None:
    assert world.environment("POST", give("viewer", "2")).payload == {"success": True}
    again = world.environment("POST", give("support", 2))
    assert (again.status, await world.environment_role(2)) == (409, VIEWER)
    assert world.environment("PUT", give({"id": role_id(EnvironmentRole.support)}, 2)).status == 200
    assert await world.environment_role(2) is EnvironmentRole.support
    assert world.environment("DELETE", {"user": {"id": "2", "name": "Admin"}}).payload == {"success": True}
    assert await world.environment_role(2) is None
    development = world.clinic.development
    assert await world.events() == [
        ("role-assigned", development, {"id": 2, "before": None, "after": {"role": "viewer"}}),
        ("role-updated", development, {"id": 2, "before": {"role": "viewer"}, "after": {"role": "support"}}),
        ("role-removed", development, {"id": 2, "before": {"role": "support"}, "after": None}),
    ]


async def test_a_role_that_is_not_there_is_not_found(world: World) -> None:
    assert world.environment("PUT", give("viewer", 2)).status == 404
    assert world.environment("DELETE", take(2)).status == 404
    assert world.organization("DELETE", take(4)).status == 404


async def test_only_members_of_the_organization_get_environment_roles(world: World) -> None:
    for method in ("POST", "PUT"):
        answer = world.environment(method, give("viewer", 4))
        assert (answer.status, answer.faults) == (400, [("/user/id", "not_a_member")])


async def test_the_path_of_older_clients_works_too(world: World) -> None:
    path = f"/platform/v1/environment/{world.clinic.development}/role-assignment"
    token = f"owner-{world.clinic.id}"
    assert world.call("POST", path, give("viewer", 1), token=token).status == 200
    assert world.call("PUT", path, give("support", 1), token=token).status == 200
    assert world.call("DELETE", path, take(1), token=token).status == 200
    assert len(world.call("GET", path, token=token).payload["memberships"]) == 1


async def test_nobody_gets_401(world: World) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert world.call(method, "/platform/v1/organizations/x/role-assignment").status == 401
