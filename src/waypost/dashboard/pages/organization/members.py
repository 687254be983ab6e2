"""Members of an organization and their roles: all of them, and one person with a role in each environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from waypost import access
from waypost.access import EnvironmentRole, OrganizationRole
from waypost.dashboard.html.forms import FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Invalid, NotFound

LIST = "/organizations/{organization_id}/members"
ONE = f"{LIST}/{{user_id}}"
NO_ROLE = ""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody in the organization; `user` as the API shows it, roles by environment id."""

    user: Mapping[str, Any]
    role: str
    roles: Mapping[str, str]


async def list_(visit: Visit) -> Response:
    """Everybody in the organization."""
    organization_id = visit.number("organization_id")
    members, places = await _everybody(visit)
    return await visit.page(
        "members/list.html", organization=organization_id, members=members, environments=places
    )


async def show(visit: Visit) -> Response:
    """One member's roles."""
    return await _shown(visit, FormState())


async def update(visit: Visit) -> Response:
    """Give a member other roles: each is a change of its own, as it is in the API."""
    member, places = await _member(visit)
    try:
        changed = await _change_roles(visit, member, places)
    except (Invalid, Conflict) as error:
        return await _shown(visit, FormState(headline=error.detail), status=409)
    words = f"{member.user['fullname']}: roles saved. They hold on every node within seconds."
    return visit.redirect(_url(visit, member), words if changed else "Nothing was different.")


async def invite(visit: Visit) -> Response:
    """A link with which the member sets a password; shown this once."""
    member, _ = await _member(visit)
    made = await visit.services.invitations.invite(
        visit.caller, member.user["lowercaseEmail"], drops_factor="dropsFactor" in visit.form
    )
    return await _shown(
        visit, FormState(), link=(visit.services.address() or "") + made.path, until=made.expires_at_ms
    )


async def remove(visit: Visit) -> Response:
    """Take a member out of the organization."""
    organization_id = visit.number("organization_id")
    member, _ = await _member(visit)
    try:
        await visit.services.roles.remove_from_organization(visit.caller, organization_id, _who(member))
    except Conflict as error:
        return await _shown(visit, FormState(headline=error.detail), status=409)
    back = HOME + LIST.format(organization_id=organization_id)
    return visit.redirect(back, f"{member.user['fullname']} is no longer a member.")


async def _change_roles(visit: Visit, member: MemberRow, places: Sequence[Environment]) -> bool:
    """Make every change that the form asks for; whether there was any."""
    roles, caller = visit.services.roles, visit.caller
    wanted = visit.form.text("organizationRole", member.role)
    changed = wanted != member.role
    if changed:
        await roles.set_organization_role(caller, visit.number("organization_id"), _as(member, wanted))
    for place in places:
        before, after = member.roles.get(place.id, NO_ROLE), visit.form.text(f"role/{place.id}", NO_ROLE)
        if f"role/{place.id}" not in visit.form or before == after:
            continue
        changed = True
        if after == NO_ROLE:
            await roles.unassign(caller, place.id, _who(member))
        elif before == NO_ROLE:
            await roles.assign(caller, place.id, _as(member, after))
        else:
            await roles.reassign(caller, place.id, _as(member, after))
    return changed


async def _everybody(visit: Visit) -> tuple[list[MemberRow], list[Environment]]:
    """Every member, and the environments. Raises NotFound, Forbidden."""
    organization_id, roles = visit.number("organization_id"), visit.services.roles
    listed = await roles.of_organization(visit.caller, organization_id)
    places = await visit.services.db.read(lambda tx: environments.list_of(tx, organization_id))
    held: dict[str, dict[str, str]] = {}
    for place in places:
        for one in await roles.of_environment(visit.caller, place.id):
            held.setdefault(one["user"]["id"], {})[place.id] = one["role"]["name"]
    members = [MemberRow(one["user"], one["role"]["name"], held.get(one["user"]["id"], {})) for one in listed]
    return members, places


async def _member(visit: Visit) -> tuple[MemberRow, list[Environment]]:
    members, places = await _everybody(visit)
    for member in members:
        if member.user["id"] == visit.path("user_id"):
            return member, places
    raise NotFound("member")


async def _shown(
    visit: Visit, form: FormState, *, status: int = 200, link: str = "", until: int | None = None
) -> Response:
    organization_id = visit.number("organization_id")
    member, places = await _member(visit)
    return await visit.page(
        "members/one.html",
        organization=organization_id,
        member=member,
        environments=places,
        may_direct=_is_owner(visit, organization_id),
        organization_roles=[role.value for role in OrganizationRole],
        environment_roles=[role.value for role in EnvironmentRole],
        link=link,
        until=until,
        form=form,
        status=status,
    )


def _is_owner(visit: Visit, organization_id: int) -> bool:
    return visit.session.user.organizations.get(organization_id) in access.OWNER


def _who(member: MemberRow) -> dict[str, Any]:
    return {"user": {"id": member.user["id"]}}


def _as(member: MemberRow, role: str) -> dict[str, Any]:
    return _who(member) | {"role": {"name": role}}


def _url(visit: Visit, member: MemberRow) -> str:
    place = {"organization_id": visit.number("organization_id"), "user_id": member.user["id"]}
    return HOME + ONE.format(**place)


PAGES = [
    get(LIST, list_),
    get(ONE, show),
    post(ONE, update),
    post(f"{ONE}/invite", invite),
    post(f"{ONE}/remove", remove),
]
