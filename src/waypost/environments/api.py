"""The vendor's lists of organizations and environments: those where the caller has a role."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from waypost import access
from waypost.access import Caller, User
from waypost.db.database import Database, Tx
from waypost.environments import store
from waypost.environments.model import EgressPut
from waypost.environments.service import EgressLists
from waypost.environments.store import Environment, Flag, Organization
from waypost.validation import Shown
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, answer
from waypost.web.routes.paths import OrganizationId


class OrganizationView(Shown):
    """A tenant."""

    id: int
    name: str


class EnvironmentView(Shown):
    """A walled-off part of an organization."""

    id: str
    name: str
    environmentFlag: Flag
    organization: OrganizationView


class Organizations(Shown):
    """The caller's organizations."""

    organizations: list[OrganizationView]


class Environments(Shown):
    """The caller's environments of one organization."""

    environments: list[EnvironmentView]


class EgressShown(Shown):
    """Where the environment's calls may go; an empty part narrows nothing."""

    cidrs: list[str]
    hosts: list[str]
    ports: list[int]


class EgressPayload(Shown):
    """An environment's egress list (ours)."""

    egress: EgressShown


def router(db: Database) -> APIRouter:
    """The routes of organizations and environments."""
    routes = APIRouter(prefix="/platform/v1")

    @routes.get(
        "/organizations",
        operation_id="getOrganizations",
        summary="Get organizations",
        tags=["Organizations"],
        response_model=Envelope[Organizations],
        responses=problems_of(401, 403, 429),
    )
    async def get_organizations(caller: UserCaller) -> Response:
        found = await db.read(store.list_organizations)
        mine = [_organization(one) for one in found if one.id in _user(caller).organizations]
        return answer({"organizations": mine})

    @routes.get(
        "/organizations/{organizationId}/environments",
        operation_id="getEnvironments",
        summary="Get environments",
        tags=["Environments"],
        response_model=Envelope[Environments],
        responses=problems_of(401, 403, 404, 429),
    )
    async def get_environments(caller: UserCaller, organization_id: OrganizationId) -> Response:
        access.require_organization(caller, organization_id, frozenset(access.OrganizationRole))

        def read(tx: Tx) -> tuple[Organization, list[Environment]]:
            return store.get_organization(tx, organization_id), store.list_of(tx, organization_id)

        organization, found = await db.read(read)
        mine = [_environment(one, organization) for one in found if one.id in _user(caller).environments]
        return answer({"environments": mine})

    return routes


def egress_router(lists: EgressLists) -> APIRouter:
    """The routes of egress lists; ours."""
    routes = APIRouter(prefix="/waypost/v1", tags=["Environments"])

    @routes.get(
        "/environments/{environmentId}/egress",
        operation_id="getEgressList",
        summary="Get an environment's egress list",
        response_model=Envelope[EgressPayload],
        responses=problems_of(401, 403, 404, 429, 503),
    )
    async def get(caller: UserCaller, environmentId: str) -> Response:
        return answer({"egress": (await lists.get(caller, environmentId)).shown()})

    @routes.put(
        "/environments/{environmentId}/egress",
        operation_id="putEgressList",
        summary="Set an environment's egress list",
        response_model=Envelope[EgressPayload],
        responses=problems_of(400, 401, 403, 404, 413, 415, 429, 503),
    )
    async def put(
        caller: UserCaller, environmentId: str, raw: Annotated[Any, Depends(JsonBody(EgressPut))]
    ) -> Response:
        return answer({"egress": (await lists.put(caller, environmentId, raw)).shown()})

    return routes


def _user(caller: Caller) -> User:
    assert isinstance(caller.principal, User)  # noqa: S101 - what UserCaller promises
    return caller.principal


def _organization(one: Organization) -> dict[str, Any]:
    return {"id": one.id, "name": one.name}


def _environment(one: Environment, organization: Organization) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "environmentFlag": one.flag.value,
        "organization": _organization(organization),
    }
