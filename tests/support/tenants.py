"""An organization with its three environments, straight in the store, and bearer tokens that are plain words."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Request

from waypost.access import Principal
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.environments.store import Environment, Flag
from waypost.errors import Forbidden, Unauthenticated
from waypost.ids import new_id
from waypost.web.application import application
from waypost.web.rates import Limits

Authenticate = Callable[[str], Awaitable[Principal]]


@dataclass(frozen=True)
class Tenant:
    """Numbers and ids of an organization; environments by their names."""

    id: int
    name: str
    environments: dict[str, str]

    @property
    def development(self) -> str:
        return self.environments["Development"]

    @property
    def production(self) -> str:
        return self.environments["Production"]


async def found(db: Database, clock: Clock, name: str = "Clinic") -> Tenant:
    """A new organization with Development, Staging and Production."""

    def insert(tx: Tx) -> Tenant:
        made = environments.insert_organization(tx, name, clock.now_ms())
        ids = {flag.value: new_id() for flag in (Flag.development, Flag.staging, Flag.production)}
        for flag, environment_id in ids.items():
            environments.insert(tx, Environment(environment_id, made.id, flag, Flag(flag)), clock.now_ms())
        return Tenant(made.id, name, ids)

    return await db.write(insert)


def words(principals: dict[str, Principal]) -> Authenticate:
    """An `authenticate` that knows these tokens."""

    async def authenticate(token: str) -> Principal:
        if token not in principals:
            raise Unauthenticated("Unknown token.")
        return principals[token]

    return authenticate


def app(routers: Sequence[APIRouter], authenticate: Authenticate) -> FastAPI:
    """The application with these routers."""

    async def refused(request: Request, error: Forbidden) -> None:
        assert request.state.request_id

    return application(routers=routers, authenticate=authenticate, limits=Limits("roomy"), refused=refused)
