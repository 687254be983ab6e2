"""Rows of destinations.

`version` is what the engine compares: an attempt that began with another one is due again at once
(invariant 5). A deleted destination keeps its row, so that logs can still name it.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waypost.db.database import Tx, metadata
from waypost.destinations.model import Destination, Tls, Verification, documented
from waypost.egress import lists
from waypost.environments.store import Flag, environment
from waypost.errors import NotFound

destination = sa.Table(
    "destination",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("environment_id", sa.String(36), sa.ForeignKey("environment.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("endpoint", sa.Text),
    sa.Column("credential_id", sa.String(36)),
    sa.Column("cloud", sa.Text),
    sa.Column("setup", sa.Text),
    sa.Column("token", sa.LargeBinary),
    sa.Column("client_key", sa.LargeBinary),
    sa.Column("signing", sa.LargeBinary),
    sa.Column("secrets_version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("ca_certificate", sa.Text),
    sa.Column("client_certificate", sa.Text),
    sa.Column("verification_state", sa.String(16), nullable=False, server_default="unverified"),
    sa.Column("verification_at", sa.BigInteger),
    sa.Column("verification_method", sa.String(4), nullable=False, server_default="POST"),
    sa.Column("timeout_seconds", sa.Integer, nullable=False, server_default="30"),
    sa.Column("success_status", sa.String(3), nullable=False, server_default="2xx"),
    sa.Column("token_as_bearer", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Index(None, "environment_id", "created_at"),
    sa.Index(None, "environment_id", "name", "id"),
    sa.Index(None, "credential_id"),
)

_LIVE = (
    sa.select(destination, environment.c.flag, environment.c.egress)
    .join(environment)
    .where(destination.c.deleted_at.is_(None))
)
# Made once: putting a statement together takes longer than running it.
_ONE = _LIVE.where(destination.c.id == sa.bindparam("wanted"))
_CHANGE = (
    destination.update()
    .where(destination.c.id == sa.bindparam("changed"))
    .values(version=destination.c.version + 1)
)


def get(tx: Tx, destination_id: str) -> Destination:
    """The live destination. Raises NotFound."""
    return _destination(row(tx, destination_id))


def row(tx: Tx, destination_id: str) -> sa.Row[Any]:
    """The live destination's row, sealed columns included. Raises NotFound."""
    found = tx.execute(_ONE, {"wanted": destination_id.lower()}).one_or_none()
    if found is None:
        raise NotFound("destination")
    return found


def environment_of(tx: Tx, destination_id: str) -> str | None:
    """The environment of a destination, or None without one."""
    return tx.scalar(sa.select(destination.c.environment_id).where(destination.c.id == destination_id.lower()))


def list_of(tx: Tx, environment_id: str) -> list[Destination]:
    """The environment's live destinations, oldest first."""
    query = _LIVE.where(destination.c.environment_id == environment_id)
    rows = tx.execute(query.order_by(destination.c.created_at, destination.c.id))
    return [_destination(found) for found in rows]


def count_of(tx: Tx, environment_id: str) -> int:
    """How many destinations the environment has."""
    c = destination.c
    query = sa.select(sa.func.count()).where(c.environment_id == environment_id, c.deleted_at.is_(None))
    return tx.scalar(query) or 0


def documented_of(tx: Tx, environment_id: str) -> list[dict[str, Any]]:
    """The same as the vendor documents them, read column by column: 20,000 are listed in one answer."""
    c = destination.c
    flag = tx.execute(sa.select(environment.c.flag).where(environment.c.id == environment_id)).scalar_one()
    where = {"id": environment_id, "environmentFlag": flag}
    query = sa.select(c.id, c.name, c.credential_id, c.endpoint, c.cloud, c.setup).where(
        c.environment_id == environment_id, c.deleted_at.is_(None)
    )
    rows = tx.execute(query.order_by(c.created_at, c.id)).all()
    return [
        documented(id_, name, credential_id, endpoint, where, _decoded(cloud), _decoded(setup))
        for id_, name, credential_id, endpoint, cloud, setup in rows
    ]


def credential_of(tx: Tx, destination_id: str) -> str | None:
    """The credential that a destination uses; None for none."""
    return tx.scalar(sa.select(destination.c.credential_id).where(destination.c.id == destination_id))


def named(tx: Tx, environment_id: str, count: int | None = None) -> list[tuple[str, str]]:
    """Ids and names of the environment's live destinations, by name; at most so many, or all."""
    c = destination.c
    query = sa.select(c.id, c.name).where(c.environment_id == environment_id, c.deleted_at.is_(None))
    return [(row.id, row.name) for row in tx.execute(query.order_by(c.name, c.id).limit(count))]


def some(tx: Tx, destination_ids: Sequence[str]) -> list[Destination]:
    """These live destinations, in this order."""
    rows = tx.execute(_LIVE.where(destination.c.id.in_(destination_ids)))
    found = {row.id: _destination(row) for row in rows}
    return [found[each] for each in destination_ids if each in found]


def taken(tx: Tx, destination_id: str) -> bool:
    """Whether the id is in use, or was."""
    return tx.scalar(sa.select(destination.c.id).where(destination.c.id == destination_id)) is not None


def insert(tx: Tx, values: dict[str, Any]) -> None:
    """A new row; JSON columns are given as values."""
    tx.execute(destination.insert(), _encoded(values))


def update(tx: Tx, destination_id: str, values: dict[str, Any]) -> None:
    """Change columns and move the version, which wakes whatever waits on this destination."""
    tx.execute(_CHANGE, _encoded(values) | {"changed": destination_id})


def touch_all(tx: Tx, environment_id: str) -> list[str]:
    """Move the version of every live destination of an environment, for what they share changed; their ids."""
    mine = sa.and_(destination.c.environment_id == environment_id, destination.c.deleted_at.is_(None))
    tx.execute(destination.update().where(mine).values(version=destination.c.version + 1))
    return list(tx.scalars(sa.select(destination.c.id).where(mine)))


def users_of_credential(tx: Tx, credential_id: str) -> list[str]:
    """Ids of the live destinations that use a credential."""
    query = sa.select(destination.c.id).where(
        destination.c.credential_id == credential_id, destination.c.deleted_at.is_(None)
    )
    return list(tx.scalars(query.order_by(destination.c.id)))


def using(tx: Tx, credential_id: str, *, count: int) -> list[Destination]:
    """The live destinations that use a credential, by name; so many at most."""
    c = destination.c
    ids = sa.select(c.id).where(c.credential_id == credential_id, c.deleted_at.is_(None))
    return some(tx, tx.scalars(ids.order_by(c.name, c.id).limit(count)).all())


def use_of_credentials(tx: Tx, environment_id: str) -> dict[str, int]:
    """How many live destinations of an environment use each credential that any of them uses."""
    used = destination.c.credential_id
    query = sa.select(used, sa.func.count()).where(
        destination.c.environment_id == environment_id, destination.c.deleted_at.is_(None), used.is_not(None)
    )
    return {row[0]: row[1] for row in tx.execute(query.group_by(used))}


def _encoded(values: dict[str, Any]) -> dict[str, Any]:
    as_json = {"cloud", "setup"}
    return {
        name: json.dumps(value) if name in as_json and value is not None else value
        for name, value in values.items()
    }


def _decoded(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)


def _destination(row: sa.Row[Any]) -> Destination:
    return Destination(
        id=row.id,
        environment_id=row.environment_id,
        flag=Flag(row.flag),
        name=row.name,
        endpoint=row.endpoint,
        credential_id=row.credential_id,
        cloud=_decoded(row.cloud),
        setup_state=_decoded(row.setup),
        has_token=row.token is not None,
        verification=Verification(row.verification_state, row.verification_at, row.verification_method),
        tls=Tls(row.ca_certificate, row.client_certificate, row.client_key is not None),
        timeout_seconds=row.timeout_seconds,
        success_status=row.success_status,
        token_as_bearer=row.token_as_bearer,
        version=row.version,
        egress=lists.loaded(row.egress),
    )
