"""One room served over real HTTP: two organizations, their environments, and a token for each kind of caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request

from tests.support.serving import Client, Serving
from waypost.access import Caller, EnvironmentRole, OrganizationRole, Principal, Source, User, operator
from waypost.audit import store as audit
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.environments.store import Environment, Flag
from waypost.errors import Forbidden, Unauthenticated
from waypost.web.application import application
from waypost.web.rates import Limits

ORGANIZATION, OTHER_ORGANIZATION = 118, 122
DEVELOPMENT = "10000000-0000-4000-8000-000000000001"
STAGING = "10000000-0000-4000-8000-000000000002"
PRODUCTION = "10000000-0000-4000-8000-000000000003"
ELSEWHERE = "20000000-0000-4000-8000-000000000001"
NOBODYS = "30000000-0000-4000-8000-000000000001"

ENVIRONMENTS = {DEVELOPMENT: Flag.development, STAGING: Flag.staging, PRODUCTION: Flag.production}
COMMAND_LINE: Caller = operator("test")


def _member(number: int, role: EnvironmentRole) -> User:
    roles = dict.fromkeys(ENVIRONMENTS, role)
    return User(number, role.value, {ORGANIZATION: OrganizationRole.member}, roles)


PEOPLE: dict[str, Principal] = {
    "engineer": _member(1, EnvironmentRole.engineer),
    "support": _member(2, EnvironmentRole.support),
    "viewer": _member(3, EnvironmentRole.viewer),
    "owner without a role": User(4, "owner", {ORGANIZATION: OrganizationRole.owner}, {}),
    "engineer elsewhere": User(
        5, "elsewhere", {OTHER_ORGANIZATION: OrganizationRole.owner}, {ELSEWHERE: EnvironmentRole.engineer}
    ),
    "engineer of Development only": User(6, "narrow", {}, {DEVELOPMENT: EnvironmentRole.engineer}),
    "source": Source("a-source", DEVELOPMENT),
}


@dataclass(frozen=True)
class Room:
    """The client is the engineer's unless a token says otherwise."""

    client: Client
    db: Database

    async def version(self, environment_id: str = DEVELOPMENT) -> int:
        """What moves with every change that routes messages."""
        found = await self.db.read(lambda tx: environments.version(tx, environment_id))
        assert found is not None
        return found

    async def events(self) -> list[dict[str, Any]]:
        """The organization's audit events, oldest first."""
        rows = await self.db.read(
            lambda tx: audit.page(tx, ORGANIZATION, audit.EventQuery(), offset=0, count=1000)
        )
        return [dict(row) for row in reversed(rows)]


def set_up(tx: Tx) -> None:
    """Two organizations; the second has one environment."""
    environments.insert_organization(tx, "Hospital", 1, organization_id=ORGANIZATION)
    environments.insert_organization(tx, "Laboratory", 1, organization_id=OTHER_ORGANIZATION)
    for environment_id, flag in ENVIRONMENTS.items():
        environments.insert(tx, Environment(environment_id, ORGANIZATION, flag.value, flag), 1)
    environments.insert(tx, Environment(ELSEWHERE, OTHER_ORGANIZATION, "Dev", Flag.development), 1)


@contextmanager
def served(db: Database, *routers: APIRouter) -> Iterator[Room]:
    """The routers behind a real server; a token is the name of one of PEOPLE."""

    async def authenticate(token: str) -> Principal:
        if token not in PEOPLE:
            raise Unauthenticated("Nobody has this token.")
        return PEOPLE[token]

    async def refused(_: Request, __: Forbidden) -> None:
        return None

    app = application(routers=routers, authenticate=authenticate, limits=Limits("roomy"), refused=refused)
    with Serving(app) as serving:
        serving.client.token = "engineer"
        yield Room(serving.client, db)
