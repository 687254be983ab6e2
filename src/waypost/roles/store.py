"""Who is what, with the names that people read. The statements that change roles are `users/memberships.py`."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx
from waypost.sessions.factors import second_factor
from waypost.users.store import app_user, environment_role, organization_role


def of_organization(tx: Tx, organization_id: int) -> Sequence[sa.Row[Any]]:
    """The organization's members by number: `role`, the columns of the user, and since when they give codes."""
    factor = second_factor.c
    query = sa.select(organization_role.c.role, app_user, factor.confirmed_at).join_from(
        organization_role, app_user
    )
    query = query.outerjoin(second_factor, factor.user_id == app_user.c.id)
    return tx.execute(
        query.where(organization_role.c.organization_id == organization_id).order_by(app_user.c.id)
    ).all()


def of_environment(tx: Tx, environment_id: str) -> Sequence[sa.Row[Any]]:
    """Who has a role in the environment, by number: `role` and the columns of the user."""
    query = sa.select(environment_role.c.role, app_user).join_from(environment_role, app_user)
    return tx.execute(
        query.where(environment_role.c.environment_id == environment_id).order_by(app_user.c.id)
    ).all()
