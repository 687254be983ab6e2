"""The seven operations of the vendor's access control; older clients write `environment` in the singular."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from waypost.roles.model import Assignment, EnvironmentMemberships, OrganizationMemberships, Removal
from waypost.roles.service import Roles
from waypost.web.document.openapi import problems_of
from waypost.web.routes.body import JsonBody
from waypost.web.routes.callers import UserCaller
from waypost.web.routes.envelope import Envelope, Success, answer
from waypost.web.routes.paths import OrganizationId

ORGANIZATION = "/organizations/{organizationId}/role-assignment"
ENVIRONMENT = "/environments/{environmentId}/role-assignment"

AssignmentBody = Annotated[Any, Depends(JsonBody(Assignment))]
RemovalBody = Annotated[Any, Depends(JsonBody(Removal))]
READS = problems_of(401, 403, 404, 429)
WRITES = problems_of(400, 401, 403, 404, 413, 415, 429)
WRITES_OR_CONFLICTS = WRITES | problems_of(409)


def router(roles: Roles) -> APIRouter:
    """The routes of access control."""
    routes = APIRouter(prefix="/platform/v1", tags=["Access control"])
    _organizations(routes, roles)
    _environments(routes, roles)
    return routes


def _organizations(routes: APIRouter, roles: Roles) -> None:
    @routes.get(
        ORGANIZATION,
        operation_id="getOrgRoleAssignments",
        summary="Get organization role assignments",
        response_model=Envelope[OrganizationMemberships],
        responses=READS,
    )
    async def get_organization(caller: UserCaller, organization_id: OrganizationId) -> Response:
        return answer({"memberships": await roles.of_organization(caller, organization_id)})

    @routes.put(
        ORGANIZATION,
        operation_id="updateOrgRoleAssignment",
        summary="Update organization role assignment",
        response_model=Envelope[Success],
        responses=WRITES_OR_CONFLICTS,
    )
    async def put_organization(
        caller: UserCaller, organization_id: OrganizationId, raw: AssignmentBody
    ) -> Response:
        await roles.set_organization_role(caller, organization_id, raw)
        return answer({"success": True})

    @routes.delete(
        ORGANIZATION,
        operation_id="removeOrgRoleAssignment",
        summary="Remove organization role assignment",
        response_model=Envelope[Success],
        responses=WRITES_OR_CONFLICTS,
    )
    async def delete_organization(
        caller: UserCaller, organization_id: OrganizationId, raw: RemovalBody
    ) -> Response:
        await roles.remove_from_organization(caller, organization_id, raw)
        return answer({"success": True})


def _environments(routes: APIRouter, roles: Roles) -> None:
    @routes.get(
        ENVIRONMENT,
        operation_id="getEnvRoleAssignments",
        summary="Get environment role assignments",
        response_model=Envelope[EnvironmentMemberships],
        responses=READS,
    )
    @routes.get(_singular(ENVIRONMENT), include_in_schema=False)
    async def get_environment(caller: UserCaller, environmentId: str) -> Response:
        return answer({"memberships": await roles.of_environment(caller, environmentId)})

    @routes.post(
        ENVIRONMENT,
        operation_id="assignEnvRole",
        summary="Assign environment role",
        response_model=Envelope[Success],
        responses=WRITES_OR_CONFLICTS,
    )
    @routes.post(_singular(ENVIRONMENT), include_in_schema=False)
    async def post_environment(caller: UserCaller, environmentId: str, raw: AssignmentBody) -> Response:
        await roles.assign(caller, environmentId, raw)
        return answer({"success": True})

    @routes.put(
        ENVIRONMENT,
        operation_id="updateEnvRoleAssignment",
        summary="Update environment role assignment",
        response_model=Envelope[Success],
        responses=WRITES,
    )
    @routes.put(_singular(ENVIRONMENT), include_in_schema=False)
    async def put_environment(caller: UserCaller, environmentId: str, raw: AssignmentBody) -> Response:
        await roles.reassign(caller, environmentId, raw)
        return answer({"success": True})

    @routes.delete(
        ENVIRONMENT,
        operation_id="removeEnvRoleAssignment",
        summary="Remove environment role assignment",
        response_model=Envelope[Success],
        responses=WRITES,
    )
    @routes.delete(_singular(ENVIRONMENT), include_in_schema=False)
    async def delete_environment(caller: UserCaller, environmentId: str, raw: RemovalBody) -> Response:
        await roles.unassign(caller, environmentId, raw)
        return answer({"success": True})


def _singular(path: str) -> str:
    return path.replace("/environments/", "/environment/")
