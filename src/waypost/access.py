"""Who is calling, and what their roles let them do.

An organization role grants nothing inside an environment, and an environment role nothing outside it.
Where the caller has no role, a resource does not exist (404); where the role is too small, it says which
one is needed (403).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from waypost.errors import Forbidden, NotFound


class OrganizationRole(StrEnum):
    """Exactly one per user and organization."""

    owner = "owner"
    admin = "admin"
    member = "member"


class EnvironmentRole(StrEnum):
    """At most one per user and environment."""

    engineer = "engineer"
    support = "support"
    viewer = "viewer"


ANY_ROLE = frozenset(EnvironmentRole)
ENGINEER = frozenset({EnvironmentRole.engineer})
ENGINEER_OR_SUPPORT = frozenset({EnvironmentRole.engineer, EnvironmentRole.support})
OWNER = frozenset({OrganizationRole.owner})
OWNER_OR_ADMIN = frozenset({OrganizationRole.owner, OrganizationRole.admin})


@dataclass(frozen=True, slots=True)
class User:
    """A person, known by a user-level API key."""

    id: int
    client_id: str
    organizations: Mapping[int, OrganizationRole] = field(default_factory=dict)
    environments: Mapping[str, EnvironmentRole] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A system that sends messages, known by an API key of its environment."""

    client_id: str
    environment_id: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever may use the command line on the data folder; may do everything, and every act is audited."""

    client_id: str = "command line"


Principal = User | Source | Operator


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal together with the request it makes, for the audit trail."""

    principal: Principal
    ip: str
    request_id: str
    route: str

    @property
    def user_id(self) -> int | None:
        """The user's number, where the caller is one."""
        return self.principal.id if isinstance(self.principal, User) else None


def operator(route: str) -> Caller:
    """The command line as a caller; `route` is its command, such as `users add`."""
    return Caller(Operator(), "local", "", f"waypost {route}")


def require_environment(
    caller: Caller, environment_id: str, roles: frozenset[EnvironmentRole], noun: str = "environment"
) -> None:
    """Raise NotFound (as that noun) without a role in the environment, Forbidden with one that is too small."""
    if isinstance(caller.principal, Operator):
        return
    held = caller.principal.environments.get(environment_id) if isinstance(caller.principal, User) else None
    if held is None:
        raise NotFound(noun)
    if held not in roles:
        raise Forbidden(f"This needs the environment role {_either(roles)}; yours is {held}.")


def require_member(caller: Caller, environment_id: str, noun: str) -> None:
    """Raise NotFound (as that noun) unless the caller has any role in the environment, or is a source of it."""
    if isinstance(caller.principal, Source) and caller.principal.environment_id == environment_id:
        return
    require_environment(caller, environment_id, ANY_ROLE, noun)


def require_organization(
    caller: Caller, organization_id: int, roles: frozenset[OrganizationRole], noun: str = "organization"
) -> None:
    """Raise NotFound (as that noun) outside the organization, Forbidden with a role that is too small."""
    if isinstance(caller.principal, Operator):
        return
    held = caller.principal.organizations.get(organization_id) if isinstance(caller.principal, User) else None
    if held is None:
        raise NotFound(noun)
    if held not in roles:
        raise Forbidden(f"This needs the organization role {_either(roles)}; yours is {held}.")


def directs(caller: Caller, organization_id: int) -> bool:
    """Whether the caller is an owner or admin of the organization, who see some things without a role inside."""
    principal = caller.principal
    return isinstance(principal, User) and principal.organizations.get(organization_id) in OWNER_OR_ADMIN


def _either(roles: frozenset[EnvironmentRole] | frozenset[OrganizationRole]) -> str:
    return " or ".join(sorted(roles))
