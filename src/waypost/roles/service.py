"""Assigning roles, by the vendor's rules.

Organization roles: owners and admins see them, owners change them. Environment roles: owners and admins see
and change them, without a role in the environment. An organization keeps at least one owner.
"""

from collections.abc import Callable
from typing import Any

from waypost import access
from waypost.access import Caller, EnvironmentRole, OrganizationRole
from waypost.audit import store as audit
from waypost.clock import Clock, iso
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.environments.store import Environment
from waypost.errors import Conflict, Fault, Invalid, NotFound
from waypost.roles import model, store
from waypost.roles.model import Assignment, CheckedAssignment, R, Removal
from waypost.users import memberships
from waypost.validation import check, checked

NOUN = "role assignment"
UPDATED = "role-updated"
REMOVED = "role-removed"


class Roles:
    """Who may do what. `changed` is told after every commit, so that roles in memory are read anew."""

    def __init__(self, db: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._changed = changed

    async def of_organization(self, caller: Caller, organization_id: int) -> list[dict[str, Any]]:
        """Everybody in the organization. Raises NotFound, Forbidden."""
        access.require_organization(caller, organization_id, access.OWNER_OR_ADMIN)
        return await self._db.read(lambda tx: _organization_memberships(tx, organization_id))

    async def of_environment(self, caller: Caller, environment_id: str) -> list[dict[str, Any]]:
        """Everybody with a role in the environment. Raises NotFound, Forbidden."""
        return await self._db.read(lambda tx: _environment_memberships(tx, _managed(tx, caller, environment_id)))

    async def set_organization_role(self, caller: Caller, organization_id: int, raw: Any) -> None:
        """Give a member another role. Raises NotFound, Forbidden, Invalid, Conflict for the last owner."""
        access.require_organization(caller, organization_id, access.OWNER)
        await self._db.write(lambda tx: self._set_organization_role(tx, caller, organization_id, raw))
        self._changed()

    async def remove_from_organization(self, caller: Caller, organization_id: int, raw: Any) -> None:
        """Take a member out, environments included. Raises NotFound, Forbidden, Invalid, Conflict likewise."""
        access.require_organization(caller, organization_id, access.OWNER)
        await self._db.write(lambda tx: self._remove_from_organization(tx, caller, organization_id, raw))
        self._changed()

    async def assign(self, caller: Caller, environment_id: str, raw: Any) -> None:
        """Give a role to who has none there. Raises NotFound, Forbidden, Invalid, Conflict."""
        await self._db.write(lambda tx: self._assign(tx, caller, environment_id, raw))
        self._changed()

    async def reassign(self, caller: Caller, environment_id: str, raw: Any) -> None:
        """Give another role to who has one there. Raises NotFound, Forbidden, Invalid."""
        await self._db.write(lambda tx: self._reassign(tx, caller, environment_id, raw))
        self._changed()

    async def unassign(self, caller: Caller, environment_id: str, raw: Any) -> None:
        """Take the role in the environment away. Raises NotFound, Forbidden, Invalid."""
        await self._db.write(lambda tx: self._unassign(tx, caller, environment_id, raw))
        self._changed()

    def _set_organization_role(self, tx: Tx, caller: Caller, organization_id: int, raw: Any) -> None:
        wanted = _wanted(tx, organization_id, OrganizationRole, raw)
        before = memberships.in_organization(tx, organization_id, wanted.user_id)
        if before is not wanted.role:
            memberships.change(tx, organization_id, wanted.user_id, wanted.role)
            self._record(tx, caller, UPDATED, organization_id, None, wanted.user_id, before, wanted.role)

    def _remove_from_organization(self, tx: Tx, caller: Caller, organization_id: int, raw: Any) -> None:
        user_id = _removed(raw)
        before = memberships.in_organization(tx, organization_id, user_id)
        if before is None:
            raise NotFound(NOUN)
        memberships.leave(tx, organization_id, user_id)
        self._record(tx, caller, REMOVED, organization_id, None, user_id, before, None)

    def _assign(self, tx: Tx, caller: Caller, environment_id: str, raw: Any) -> None:
        place = _managed(tx, caller, environment_id)
        wanted = _wanted(tx, place.organization_id, EnvironmentRole, raw)
        if memberships.in_environment(tx, place.id, wanted.user_id) is not None:
            raise Conflict("The user has a role in this environment; PUT changes it.")
        memberships.assign(tx, place.id, wanted.user_id, wanted.role)
        self._record(
            tx, caller, "role-assigned", place.organization_id, place.id, wanted.user_id, None, wanted.role
        )

    def _reassign(self, tx: Tx, caller: Caller, environment_id: str, raw: Any) -> None:
        place = _managed(tx, caller, environment_id)
        wanted = _wanted(tx, place.organization_id, EnvironmentRole, raw)
        before = memberships.in_environment(tx, place.id, wanted.user_id)
        if before is None:
            raise NotFound(NOUN)
        if before is not wanted.role:
            memberships.reassign(tx, place.id, wanted.user_id, wanted.role)
            self._record(tx, caller, UPDATED, place.organization_id, place.id, wanted.user_id, before, wanted.role)

    def _unassign(self, tx: Tx, caller: Caller, environment_id: str, raw: Any) -> None:
        place = _managed(tx, caller, environment_id)
        user_id = _removed(raw)
        before = memberships.in_environment(tx, place.id, user_id)
        if before is None:
            raise NotFound(NOUN)
        memberships.unassign(tx, place.id, user_id)
        self._record(tx, caller, REMOVED, place.organization_id, place.id, user_id, before, None)

    def _record(
        self,
        tx: Tx,
        caller: Caller,
        type_: str,
        organization_id: int,
        environment_id: str | None,
        user_id: int,
        before: OrganizationRole | EnvironmentRole | None,
        after: OrganizationRole | EnvironmentRole | None,
    ) -> None:
        audit.record(
            tx, caller, type_, organization_id=organization_id, environment_id=environment_id,
            now_ms=self._clock.now_ms(),
            details={"id": user_id, "before": _told(before), "after": _told(after)},
        )  # fmt: skip


def _managed(tx: Tx, caller: Caller, environment_id: str) -> Environment:
    """The environment, when the caller is owner or admin of its organization."""
    place = environments.get(tx, environment_id)
    access.require_organization(caller, place.organization_id, access.OWNER_OR_ADMIN, "environment")
    return place


def _wanted(tx: Tx, organization_id: int, kind: type[R], raw: Any) -> CheckedAssignment[R]:
    """The checked body. Raises Invalid, also for a user who is no member of the organization."""
    body = checked(Assignment, raw)
    role, faults = model.resolve(kind, body.role)
    user_id, user_faults = model.user_number(body.user)
    if user_id is not None and memberships.in_organization(tx, organization_id, user_id) is None:
        user_faults = [Fault("/user/id", "not_a_member", "The user is no member of the organization.")]
    if faults or user_faults or role is None or user_id is None:
        raise Invalid(faults + user_faults)
    return CheckedAssignment(user_id, role)


def _removed(raw: Any) -> int:
    """The number of the user whose role is to go. Raises Invalid."""
    body, faults = check(Removal, raw)
    user_id, more = model.user_number(body.user) if body else (None, [])
    if user_id is None:
        raise Invalid(faults + more)
    return user_id


def _told(role: OrganizationRole | EnvironmentRole | None) -> dict[str, str] | None:
    return None if role is None else {"role": role.value}


def _organization_memberships(tx: Tx, organization_id: int) -> list[dict[str, Any]]:
    place = environments.get_organization(tx, organization_id)
    return [
        {
            "organization": {"id": str(place.id), "name": place.name},
            "role": _role(OrganizationRole(row.role)),
            "user": {
                "id": str(row.id),
                "fullname": row.fullname,
                "lowercaseEmail": row.email,
                "lastLogin": None if row.last_login is None else iso(row.last_login),
                "verified2fa": row.confirmed_at is not None,
            },
        }
        for row in store.of_organization(tx, organization_id)
    ]


def _environment_memberships(tx: Tx, place: Environment) -> list[dict[str, Any]]:
    return [
        {
            "environment": {"id": place.id, "name": place.name},
            "role": _role(EnvironmentRole(row.role)),
            "user": {"id": str(row.id), "fullname": row.fullname, "lowercaseEmail": row.email},
        }
        for row in store.of_environment(tx, place.id)
    ]


def _role(role: OrganizationRole | EnvironmentRole) -> dict[str, str]:
    return {"id": model.role_id(role), "name": role.value}
