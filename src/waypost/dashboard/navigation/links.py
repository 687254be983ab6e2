"""The lines of the navigation: what is offered to a role, and where it leads from a place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from waypost.access import EnvironmentRole, OrganizationRole
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.navigation.places import Place

MOST_GENERAL = f"{HOME}/environments/{{environment}}".count("/")
"""The overview's own depth: everything of the environment lies below it, and is not part of it."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the navigation. `path` is below `/dashboard`, with `{environment}` or `{organization}` in it.

    `also` are the beginnings of further paths that belong to it; it is offered to these roles only.
    """

    name: str
    path: str
    icon: str
    also: tuple[str, ...] = ()
    roles: frozenset[EnvironmentRole] = frozenset(EnvironmentRole)
    organization_roles: frozenset[OrganizationRole] = frozenset(OrganizationRole)

    def link(self, place: Place, here: str) -> "Link | None":
        """Where it leads from this place; None where it leads nowhere or is not offered."""
        environment, organization = place.environment, place.organization
        if "{environment}" in self.path and (environment is None or place.role not in self.roles):
            return None
        if organization is None or place.organization_role not in self.organization_roles:
            return None
        known = {"environment": environment.id if environment else "", "organization": organization.id}
        href = HOME + self.path.format(**known)
        inside = [f"{href}/", *(HOME + each for each in self.also)]
        is_here = here == href or (href.count("/") > MOST_GENERAL and here.startswith(tuple(inside)))
        return Link(self.name, href, self.icon, is_here)


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the navigation on one page."""

    name: str
    href: str
    icon: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of the navigation under a heading."""

    name: str
    items: Sequence[MenuItem] = field(default_factory=tuple)
