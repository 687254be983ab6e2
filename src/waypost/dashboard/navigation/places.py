"""Where a page is, among all that its reader can reach: what navigation and environment picker are made of."""

from dataclasses import dataclass

from waypost.access import EnvironmentRole, OrganizationRole, User
from waypost.db.database import Tx
from waypost.environments import store
from waypost.environments.store import Environment, Organization
from waypost.errors import NotFound


@dataclass(frozen=True, slots=True)
class Choice:
    """An organization, and its environments where the user has a role."""

    organization: Organization
    environments: tuple[Environment, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An environment (None when the user has none), its organization, the roles there, and all other choices."""

    environment: Environment | None
    organization: Organization | None
    role: EnvironmentRole | None
    organization_role: OrganizationRole | None
    choices: tuple[Choice, ...]

    @property
    def may_write(self) -> bool:
        """Whether the user may change configuration and queues here."""
        return self.role is EnvironmentRole.engineer

    @property
    def may_open(self) -> bool:
        """Whether the user may look into messages and answers here."""
        return self.role in {EnvironmentRole.engineer, EnvironmentRole.support}

    @property
    def may_administer(self) -> bool:
        """Whether the user may change roles, and read the audit trail, of the organization."""
        return self.organization_role in {OrganizationRole.owner, OrganizationRole.admin}

    @property
    def is_owner(self) -> bool:
        """Whether the user is an owner of the organization."""
        return self.organization_role is OrganizationRole.owner


def find(tx: Tx, user: User, environment_id: str | None, organization_id: int | None = None) -> Place:
    """The place of an environment, or of an organization. Raises NotFound where the user has no role.

    With an organization, the environment is only where the navigation leads on: another one of it will do. Without
    any, it is the oldest environment where the user has a role; with such in several organizations, one is chosen
    first, and until then the place is nowhere.
    """
    choices = _choices(tx, user)
    if organization_id is not None:
        return _of_organization(user, choices, organization_id, environment_id)
    if environment_id is None:
        inhabited = [each for each in choices if each.environments]
        if len(inhabited) > 1 or not choices:
            return Place(None, None, None, None, choices)
        first = (inhabited or choices)[0]
        return _of_organization(user, choices, first.organization.id, None)
    for choice in choices:
        for environment in choice.environments:
            if environment.id == environment_id:
                return _place(user, choices, choice.organization, environment)
    raise NotFound("environment")


def _of_organization(
    user: User, choices: tuple[Choice, ...], organization_id: int, environment_id: str | None
) -> Place:
    choice = next((each for each in choices if each.organization.id == organization_id), None)
    if choice is None:
        raise NotFound("organization")
    preferred = [each for each in choice.environments if each.id == environment_id]
    environment = next(iter([*preferred, *choice.environments]), None)
    return _place(user, choices, choice.organization, environment)


def _place(
    user: User, choices: tuple[Choice, ...], organization: Organization, environment: Environment | None
) -> Place:
    role = None if environment is None else user.environments.get(environment.id)
    return Place(environment, organization, role, user.organizations.get(organization.id), choices)


def _choices(tx: Tx, user: User) -> tuple[Choice, ...]:
    found = []
    for organization_id in sorted(user.organizations):
        listed = store.list_of(tx, organization_id)
        mine = tuple(each for each in listed if each.id in user.environments)
        found.append(Choice(store.get_organization(tx, organization_id), mine))
    return tuple(found)
