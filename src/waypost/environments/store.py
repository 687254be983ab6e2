"""Rows of organizations and environments.

An environment's `version` moves with every change to what routes its messages (sources, subscriptions,
keys, destinations): whoever keeps those in memory compares it (invariant 8).
"""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.egress import lists
from waypost.egress.lists import OPEN, EgressList
from waypost.errors import NotFound


class Flag(StrEnum):
    """The vendor's `environmentFlag`."""

    production = "Production"
    staging = "Staging"
    development = "Development"


organization = sa.Table(
    "organization",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

environment = sa.Table(
    "environment",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("organization_id", sa.BigInteger, sa.ForeignKey("organization.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("flag", sa.String(16), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("egress", sa.Text),
    sa.Index(None, "organization_id"),
)


# Made once: putting a statement together takes longer than running it.
_ONE = sa.select(environment).where(environment.c.id == sa.bindparam("wanted"))
_BUMP = (
    environment.update()
    .where(environment.c.id == sa.bindparam("changed"))
    .values(version=environment.c.version + 1)
)


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A walled-off part of an organization."""

    id: str
    organization_id: int
    name: str
    flag: Flag
    egress: EgressList = OPEN

    @property
    def is_development(self) -> bool:
        """Whether plain http is accepted here (the seed: production and staging must use HTTPS)."""
        return self.flag is Flag.development


def get(tx: Tx, environment_id: str) -> Environment:
    """The environment. Raises NotFound."""
    row = tx.execute(_ONE, {"wanted": environment_id}).one_or_none()
    if row is None:
        raise NotFound("environment")
    return _environment(row)


def list_of(tx: Tx, organization_id: int) -> list[Environment]:
    """The organization's environments, oldest first."""
    rows = tx.execute(
        sa.select(environment)
        .where(environment.c.organization_id == organization_id)
        .order_by(environment.c.created_at, environment.c.name)
    )
    return [_environment(row) for row in rows]


def get_organization(tx: Tx, organization_id: int) -> Organization:
    """The organization. Raises NotFound."""
    row = tx.execute(sa.select(organization).where(organization.c.id == organization_id)).one_or_none()
    if row is None:
        raise NotFound("organization")
    return Organization(row.id, row.name)


def list_organizations(tx: Tx) -> list[Organization]:
    """Every organization, by number."""
    return [
        Organization(row.id, row.name) for row in tx.execute(sa.select(organization).order_by(organization.c.id))
    ]


def insert_organization(tx: Tx, name: str, now_ms: int, *, organization_id: int | None = None) -> Organization:
    """A new organization, numbered after the last one unless a number is given."""
    if organization_id is None:
        organization_id = (tx.scalar(sa.select(sa.func.max(organization.c.id))) or 0) + 1
    tx.execute(organization.insert().values(id=organization_id, name=name, created_at=now_ms))
    return Organization(organization_id, name)


def insert(tx: Tx, made: Environment, now_ms: int) -> None:
    """A new environment."""
    tx.execute(
        environment.insert().values(
            id=made.id, organization_id=made.organization_id, name=made.name, flag=made.flag.value,
            version=1, created_at=now_ms,
        )
    )  # fmt: skip


def set_egress(tx: Tx, environment_id: str, listed: EgressList) -> None:
    """Keep the environment's egress list."""
    tx.execute(environment.update().where(environment.c.id == environment_id).values(egress=lists.dumped(listed)))


def version(tx: Tx, environment_id: str) -> int | None:
    """The version of what routes messages here; None without such an environment."""
    return tx.scalar(sa.select(environment.c.version).where(environment.c.id == environment_id))


def bump(tx: Tx, environment_id: str) -> None:
    """Say that something which routes messages changed, in the transaction that changed it."""
    tx.execute(_BUMP, {"changed": environment_id})


def _environment(row: sa.Row[tuple[object, ...]]) -> Environment:
    return Environment(row.id, row.organization_id, row.name, Flag(row.flag), lists.loaded(row.egress))
