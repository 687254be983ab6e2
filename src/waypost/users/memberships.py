"""Rows of roles: which user belongs to which organization and environment, and as what."""

import sqlalchemy as sa

from waypost.access import EnvironmentRole, OrganizationRole
from waypost.access import User as Principal
from waypost.db.database import Tx
from waypost.environments.store import environment
from waypost.errors import Conflict
from waypost.users.store import environment_role, organization_role, user_key


def principal(tx: Tx, client_id: str) -> Principal | None:
    """The user behind a client id, with every role; None when the key does not exist or was revoked."""
    live = (user_key.c.client_id == client_id) & user_key.c.revoked_at.is_(None)
    user_id = tx.scalar(sa.select(user_key.c.user_id).where(live))
    if user_id is None:
        return None
    return Principal(user_id, client_id, organizations_of(tx, user_id), environments_of(tx, user_id))


def organizations_of(tx: Tx, user_id: int) -> dict[int, OrganizationRole]:
    """The user's organizations and their role in each."""
    c = organization_role.c
    rows = tx.execute(sa.select(c.organization_id, c.role).where(c.user_id == user_id).order_by(c.organization_id))
    return {row.organization_id: OrganizationRole(row.role) for row in rows}


def environments_of(tx: Tx, user_id: int) -> dict[str, EnvironmentRole]:
    """The user's environments and their role in each."""
    c = environment_role.c
    rows = tx.execute(sa.select(c.environment_id, c.role).where(c.user_id == user_id).order_by(c.environment_id))
    return {row.environment_id: EnvironmentRole(row.role) for row in rows}


def in_organization(tx: Tx, organization_id: int, user_id: int) -> OrganizationRole | None:
    """The user's role in the organization; None for who is no member."""
    c = organization_role.c
    role = tx.scalar(sa.select(c.role).where(c.organization_id == organization_id, c.user_id == user_id))
    return OrganizationRole(role) if role else None


def in_environment(tx: Tx, environment_id: str, user_id: int) -> EnvironmentRole | None:
    """The user's role in the environment; None without one."""
    c = environment_role.c
    role = tx.scalar(sa.select(c.role).where(c.environment_id == environment_id, c.user_id == user_id))
    return EnvironmentRole(role) if role else None


def join(tx: Tx, organization_id: int, user_id: int, role: OrganizationRole) -> None:
    """Make the user a member of the organization."""
    tx.execute(
        organization_role.insert().values(organization_id=organization_id, user_id=user_id, role=role.value)
    )


def change(tx: Tx, organization_id: int, user_id: int, role: OrganizationRole) -> None:
    """Give a member another organization role. Raises Conflict for the last owner."""
    if role is not OrganizationRole.owner:
        _keep_an_owner(tx, organization_id, user_id)
    c = organization_role.c
    tx.execute(
        organization_role.update()
        .where(c.organization_id == organization_id, c.user_id == user_id)
        .values(role=role.value)
    )


def leave(tx: Tx, organization_id: int, user_id: int) -> None:
    """Take a member out of the organization and all its environments. Raises Conflict for the last owner."""
    _keep_an_owner(tx, organization_id, user_id)
    inside = sa.select(environment.c.id).where(environment.c.organization_id == organization_id)
    tx.execute(
        environment_role.delete().where(
            environment_role.c.user_id == user_id, environment_role.c.environment_id.in_(inside)
        )
    )
    c = organization_role.c
    tx.execute(organization_role.delete().where(c.organization_id == organization_id, c.user_id == user_id))


def assign(tx: Tx, environment_id: str, user_id: int, role: EnvironmentRole) -> None:
    """Give the user a role in an environment where they have none."""
    tx.execute(environment_role.insert().values(environment_id=environment_id, user_id=user_id, role=role.value))


def reassign(tx: Tx, environment_id: str, user_id: int, role: EnvironmentRole) -> None:
    """Give the user another role in an environment where they have one."""
    c = environment_role.c
    tx.execute(
        environment_role.update()
        .where(c.environment_id == environment_id, c.user_id == user_id)
        .values(role=role.value)
    )


def unassign(tx: Tx, environment_id: str, user_id: int) -> None:
    """Take the user's role in the environment away."""
    c = environment_role.c
    tx.execute(environment_role.delete().where(c.environment_id == environment_id, c.user_id == user_id))


def _keep_an_owner(tx: Tx, organization_id: int, user_id: int) -> None:
    # Locked, or two owners could demote one another at the same moment on a store with many writers.
    c = organization_role.c
    owners = tx.scalars(
        sa.select(c.user_id)
        .where(c.organization_id == organization_id, c.role == OrganizationRole.owner.value)
        .with_for_update()
    ).all()
    if list(owners) == [user_id]:
        raise Conflict("An organization keeps at least one owner; make another member owner first.")
