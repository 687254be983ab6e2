"""A new organization with its environments, inside a transaction that may do more."""

from collections.abc import Sequence

from waypost.access import Caller
from waypost.audit import store as audit
from waypost.db.database import Tx
from waypost.environments import store
from waypost.environments.store import Environment, Flag, Organization
from waypost.ids import new_id

USUAL = (Flag.development, Flag.staging, Flag.production)


def usual_environments(organization_id: int) -> list[Environment]:
    """Development, Staging and Production, with fresh ids."""
    return [Environment(new_id(), organization_id, flag.value, flag) for flag in USUAL]


def found(
    tx: Tx, caller: Caller, organization: Organization, environments: Sequence[Environment], now_ms: int
) -> None:
    """Insert the organization and its environments, audited."""
    store.insert_organization(tx, organization.name, now_ms, organization_id=organization.id)
    for environment in environments:
        store.insert(tx, environment, now_ms)
    made = {"name": organization.name, "environments": {one.id: one.name for one in environments}}
    audit.record(
        tx, caller, "organization-created", organization_id=organization.id, now_ms=now_ms,
        details={"id": organization.id, "before": None, "after": made},
    )  # fmt: skip


def shown(organization: Organization, environments: Sequence[Environment]) -> dict[str, object]:
    """The organization and its environments' ids by name, as the commands answer them."""
    environments = sorted(environments, key=lambda one: USUAL.index(one.flag))
    return {
        "organization": {"id": organization.id, "name": organization.name},
        "environments": {environment.name: environment.id for environment in environments},
    }
