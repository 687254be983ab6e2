"""Auth credentials served over real HTTP, for four people and a source of two environments."""

import ipaddress
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import Request

from tests.conftest import SetClock
from tests.support.serving import Answer, Client, Serving
from tests.support.stores import Store
from waypost.access import EnvironmentRole, OrganizationRole, Principal, Source, User
from waypost.audit import store as audit
from waypost.credentials import api
from waypost.credentials.service import Credentials
from waypost.credentials.strategies import STRATEGIES, Strategies
from waypost.egress.policy import Policy
from waypost.environments import store as environments
from waypost.environments.store import Environment, Flag
from waypost.errors import Forbidden, Unauthenticated
from waypost.vault.vault import Vault
from waypost.web.application import application
from waypost.web.rates import Limits

ORGANIZATION = 118
DEVELOPMENT = "a31a92e5-43b7-45df-8085-4ac5a746d105"
PRODUCTION = "b52b83f6-54c8-46e0-8196-5bd6b857e216"
SECRET = "zzzSecret-assigned-by-authorization-server!!"


@dataclass
class World:
    """The served application, and what it told others."""

    client: Client
    db: Store
    vault: Vault
    clock: SetClock
    woken: list[str] = field(default_factory=list)
    users: dict[str, list[str]] = field(default_factory=dict)

    def create(self, **changes: Any) -> dict[str, Any]:
        """A credential made by the engineer."""
        answer = self.client("POST", "/platform/v1/authcredentials", a_credential(**changes))
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.payload["credential"]
        return made

    def home(self, credential_id: str) -> str:
        """Where a credential's public key is shown."""
        return f"{self.client.base}/waypost/v1/credentials/{credential_id}"

    def get(self, credential_id: str, **more: Any) -> Answer:
        return self.client("GET", f"/platform/v1/authcredentials/{credential_id}", **more)

    def patch(self, credential_id: str, body: Any, **more: Any) -> Answer:
        return self.client("PATCH", f"/platform/v1/authcredentials/{credential_id}", body, **more)

    def delete(self, credential_id: str, **more: Any) -> Answer:
        return self.client("DELETE", f"/platform/v1/authcredentials/{credential_id}", **more)

    async def events(self) -> list[dict[str, Any]]:
        """The audit events, oldest first."""
        rows = await self.db.read(
            lambda tx: audit.page(tx, ORGANIZATION, audit.EventQuery(), offset=0, count=1000)
        )
        return [dict(row) for row in reversed(rows)]


def a_credential(**changes: Any) -> dict[str, Any]:
    """The documented create request; a change to None leaves the field out."""
    body = {
        "organization": ORGANIZATION,
        "name": "Sample Auth Credential",
        "environmentId": DEVELOPMENT,
        "grantType": "client_credentials",
        "url": "https://login.example.com/oauth/token",
        "clientId": "the-client",
        "clientSecret": SECRET,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def people() -> dict[str, Principal]:
    roles = {role.value: role for role in EnvironmentRole}
    everybody: dict[str, Principal] = {
        name: User(number, name, {ORGANIZATION: OrganizationRole.member}, {DEVELOPMENT: role, PRODUCTION: role})
        for number, (name, role) in enumerate(roles.items(), 1)
    }
    everybody["stranger"] = User(9, "stranger", {ORGANIZATION: OrganizationRole.owner}, {})
    everybody["source"] = Source("source", DEVELOPMENT)
    return everybody


@pytest.fixture
def policy() -> Policy:
    return Policy([ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture
async def world(db: Store, vault: Vault, clock: SetClock, policy: Policy) -> AsyncIterator[World]:
    found = World(Client(0), db, vault, clock)

    def set_up(tx: Any) -> None:
        environments.insert_organization(tx, "Hospital", 1, organization_id=ORGANIZATION)
        for environment_id, flag in ((DEVELOPMENT, Flag.development), (PRODUCTION, Flag.production)):
            environments.insert(tx, Environment(environment_id, ORGANIZATION, flag.value, flag), 1)

    await db.write(set_up)
    with serving(found, policy):
        yield found


@contextmanager
def serving(world: World, policy: Policy, *, strategies: Strategies = STRATEGIES) -> Iterator[None]:
    """The world's client calls an application made of these parts, until the end."""
    known = people()

    async def authenticate(token: str) -> Principal:
        if token not in known:
            raise Unauthenticated("Nobody has this token.")
        return known[token]

    async def refused(_: Request, __: Forbidden) -> None:
        return None

    credentials = Credentials(
        world.db,
        world.vault,
        world.clock,
        policy,
        wake=world.woken.append,
        in_use=lambda _, credential_id: world.users.get(credential_id, []),
        strategies=strategies,
    )
    app = application(
        routers=[api.router(credentials), api.public(credentials, world.home)],
        authenticate=authenticate,
        limits=Limits("roomy"),
        refused=refused,
    )
    with Serving(app) as served:
        served.client.token = "engineer"
        world.client = served.client
        yield
