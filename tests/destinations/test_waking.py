"""Which changes of a destination wake its queues. The service alone, told whom to wake."""

import ipaddress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import tenants
from tests.support.stores import Store
from tests.support.tenants import Tenant
from waypost.access import Caller, operator
from waypost.destinations.model import Destination
from waypost.destinations.service import Destinations, Waiting
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.errors import Invalid, Stale
from waypost.vault.vault import Vault

SOMEBODY: Caller = operator("test")


@dataclass
class World:
    """The service, and the ids it woke."""

    db: Store
    tenant: Tenant
    destinations: Destinations
    woken: list[str] = field(default_factory=list)

    async def made(self, **body: Any) -> Destination:
        given = {"name": "Ward", "endpoint": "https://one.example.com/", "verificationToken": "t0ken"} | body
        return await self.destinations.create(SOMEBODY, self.tenant.development, given)

    async def routes_version(self) -> int:
        found = await self.db.read(lambda tx: environments.version(tx, self.tenant.development))
        assert found is not None
        return found


@pytest.fixture
async def world(db: Store, vault: Vault, clock: SetClock) -> World:
    woken: list[str] = []
    none_pending = Waiting(lambda tx, _: 0, lambda tx, _, __, ___: 0)
    policy = Policy([ipaddress.ip_network("127.0.0.0/8")])
    service = Destinations(
        db, vault, clock, policy, wake=woken.append, waiting=none_pending, moved=lambda *_: None
    )
    return World(db, await tenants.found(db, clock), service, woken)


@pytest.mark.parametrize(
    "patch",
    [
        {"name": "Laboratory"},
        {"endpoint": "https://two.example.com/"},
        {"verificationToken": "another"},
        {"verificationToken": None},
        {"name": "Laboratory", "endpoint": "https://two.example.com/", "verificationToken": "another"},
    ],
)
async def test_a_change_wakes_the_destination_once(world: World, patch: dict[str, Any]) -> None:
    made = await world.made()
    await world.destinations.update(SOMEBODY, made.id.upper(), patch)
    assert world.woken == [made.id]


@pytest.mark.parametrize("patch", [{}, {"name": "Ward"}, {"verificationToken": "t0ken"}, {"setupState": None}])
async def test_nothing_new_wakes_nobody(world: World, patch: dict[str, Any]) -> None:
    made = await world.made()
    assert await world.destinations.update(SOMEBODY, made.id, patch) == made
    assert world.woken == []


async def test_a_refused_change_wakes_nobody(world: World) -> None:
    made = await world.made()
    with pytest.raises(Invalid):
        await world.destinations.update(SOMEBODY, made.id, {"name": ""})
    with pytest.raises(Stale):
        await world.destinations.update(SOMEBODY, made.id, {"name": "Laboratory"}, if_match='"0"')
    assert world.woken == []


async def test_a_create_wakes_nobody(world: World) -> None:
    await world.made()
    assert world.woken == []


async def test_settings_and_set_up_wake_it_too(world: World) -> None:
    made = await world.made(setupState={"step": "one"})
    await world.destinations.change_settings(SOMEBODY, made.id, {"timeoutSeconds": 5})
    await world.destinations.change_settings(SOMEBODY, made.id, {"timeoutSeconds": 5})
    await world.destinations.put_setup(SOMEBODY, made.id, {"setupState": None})
    assert world.woken == [made.id, made.id]


async def test_a_verification_that_stores_something_wakes_it(world: World) -> None:
    made = await world.made()
    made = await world.destinations.verified(SOMEBODY, made, {}, "POST")
    assert world.woken == []
    await world.destinations.verified(SOMEBODY, made, {"verificationToken": "another"}, "POST")
    assert world.woken == [made.id]


@pytest.mark.parametrize(
    ("patch", "moves"),
    [({"name": "Laboratory"}, True), ({"endpoint": "https://two.example.com/"}, False), ({}, False)],
)
async def test_what_intake_keeps_in_memory_moves_the_routes(
    world: World, patch: dict[str, Any], moves: bool
) -> None:
    made = await world.made()
    before = await world.routes_version()
    await world.destinations.update(SOMEBODY, made.id, patch)
    assert (await world.routes_version() > before) is moves


async def test_creating_and_deleting_move_the_routes(world: World) -> None:
    versions = [await world.routes_version()]
    made = await world.made()
    versions.append(await world.routes_version())
    await world.destinations.delete(SOMEBODY, made.id, {})
    versions.append(await world.routes_version())
    assert versions == sorted(set(versions))
