"""Roles as the vendor's access control names them, and the bodies of its writes. Pure.

The vendor gives roles a UUID but lists them nowhere; ours are made from their names, so they are the same
in every installation.
"""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints

from waypost.access import EnvironmentRole, OrganizationRole
from waypost.errors import Fault
from waypost.validation import Body, Shown

_NAMESPACE = uuid.UUID("6a9d5f0e-2c0b-5d6a-9a53-3f6f4f1c7b21")
_MOST_NUMBER = 2**63

R = TypeVar("R", OrganizationRole, EnvironmentRole)
Short = Annotated[str, StringConstraints(max_length=255)]


class RoleRef(Body):
    """A role by its id, by its name, or by both."""

    id: Short | None = None
    name: Short | None = None


def _text(value: Any) -> Any:
    """The vendor types user ids as strings here and as numbers elsewhere; both are taken."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class UserRef(Body):
    """A user by number; the name is for people and is not compared."""

    id: Annotated[Short, BeforeValidator(_text), Field(description="The user's number, quoted or not.")]
    name: Short | None = None


class Assignment(Body):
    """Body of the writes that give a role."""

    role: RoleRef
    user: UserRef


class Removal(Body):
    """Body of the writes that take a role away."""

    user: UserRef


class RoleView(Shown):
    """A role."""

    id: str
    name: str


class PlaceView(Shown):
    """An organization or an environment."""

    id: str
    name: str


class OrganizationUser(Shown):
    """A user as organizations list them."""

    id: str
    fullname: str
    lowercaseEmail: str
    lastLogin: str | None
    verified2fa: bool


class EnvironmentUser(Shown):
    """A user as environments list them."""

    id: str
    fullname: str
    lowercaseEmail: str


class OrganizationMembership(Shown):
    """Who is what in an organization."""

    organization: PlaceView
    role: RoleView
    user: OrganizationUser


class EnvironmentMembership(Shown):
    """Who is what in an environment."""

    environment: PlaceView
    role: RoleView
    user: EnvironmentUser


class OrganizationMemberships(Shown):
    """Everybody in an organization."""

    memberships: list[OrganizationMembership]


class EnvironmentMemberships(Shown):
    """Everybody with a role in an environment."""

    memberships: list[EnvironmentMembership]


@dataclass(frozen=True, slots=True)
class CheckedAssignment(Generic[R]):
    """A checked assignment."""

    user_id: int
    role: R


def role_id(role: OrganizationRole | EnvironmentRole) -> str:
    """The role's UUID."""
    kind = "organization" if isinstance(role, OrganizationRole) else "environment"
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{role.value}"))


def resolve(kind: type[R], ref: RoleRef) -> tuple[R | None, list[Fault]]:
    """The role that is meant, or what is wrong with how it is named."""
    by_id = next((role for role in kind if role_id(role) == (ref.id or "").lower()), None)
    by_name = next((role for role in kind if role.value == (ref.name or "").lower()), None)
    names = ", ".join(kind)
    if ref.id is None and ref.name is None:
        return None, [Fault("/role", "required", f"Name the role by id or by name: {names}.")]
    faults = []
    if ref.id is not None and by_id is None:
        faults.append(Fault("/role/id", "unknown_role", "There is no role with this id here."))
    if ref.name is not None and by_name is None:
        faults.append(Fault("/role/name", "unknown_role", f"The roles here are {names}."))
    if by_id and by_name and by_id is not by_name:
        faults.append(Fault("/role", "contradictory", "The id and the name are those of two different roles."))
    return (None if faults else by_id or by_name), faults


def user_number(ref: UserRef) -> tuple[int | None, list[Fault]]:
    """The user's number, or what is wrong with it."""
    if ref.id.isascii() and ref.id.isdigit() and int(ref.id) < _MOST_NUMBER:
        return int(ref.id), []
    return None, [Fault("/user/id", "invalid_id", "A user's id is a number, sent as a string or a number.")]
