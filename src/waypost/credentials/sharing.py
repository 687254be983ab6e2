"""One fetch of a token for all nodes of a store: a row per credential with the sealed grant and who fetches.

A node that needs a token looks at the row first: it takes the grant that is there, waits for the node that is
fetching, or gets the turn to fetch. A turn ends by itself after `LEASE_MS`. Clocks are the nodes' own: where they
differ a token is fetched once more, and no harm is done. A store of one node needs none of this: `Alone`.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from waypost.credentials import store
from waypost.credentials.model import Credential
from waypost.credentials.strategies.strategy import Grant, NotAuthorized
from waypost.db.database import Beside, Database, Tx, metadata
from waypost.errors import Unavailable
from waypost.ids import new_id
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

LEASE_MS = 10_000
"""So long the others wait for a node that died while it fetched; a slow endpoint is asked once more then."""

TABLE = "credential_token"

credential_token = sa.Table(
    TABLE,
    metadata,
    sa.Column("credential_id", sa.String(36), sa.ForeignKey("credential.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("renew_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("failure", sa.Text),
    sa.Column("failed_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("holder", sa.String(36)),
    sa.Column("held_until", sa.BigInteger, nullable=False, server_default="0"),
)

log = structlog.get_logger("waypost.credentials")


@dataclass(frozen=True, slots=True)
class Kept:
    """Another node's grant, and when to renew it, in ms."""

    grant: Grant
    renew_at: int


@dataclass(frozen=True, slots=True)
class Failing:
    """Another node's failure, and when it was, in ms."""

    failure: NotAuthorized
    failed_at: int


@dataclass(frozen=True, slots=True)
class Busy:
    """Another node is fetching; `grant` is the old one."""

    grant: Grant | None


@dataclass(frozen=True, slots=True)
class Turn:
    """Fetch, and `put` what comes of it; `previous` is the grant to be renewed, if it may be."""

    previous: Grant | None


Seen = Kept | Failing | Busy | Turn


@dataclass(frozen=True, slots=True)
class Need:
    """What a node knows when it needs a grant. A grant equal to `refused` is of no use to it.

    A failure is news for `quiet_ms`.
    """

    now: int
    quiet_ms: int
    known: Grant | None
    refused: Grant | None


class Sharing(Protocol):
    """How nodes share the tokens of credentials. Never raises for a store that is away."""

    async def look(self, credential: Credential, need: Need) -> Seen:
        """What there is, or the turn to fetch."""
        ...

    async def put(self, credential: Credential, found: Kept | Failing) -> None:
        """End the turn with a grant or a failure; of no effect when the credential has changed since."""
        ...


class Alone:
    """One node on its store: memory is enough."""

    async def look(self, credential: Credential, need: Need) -> Seen:
        """See `Sharing.look`."""
        return Turn(need.known)

    async def put(self, credential: Credential, found: Kept | Failing) -> None:
        """See `Sharing.put`."""


class Shared:
    """Many nodes on one store."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._node = new_id()

    async def look(self, credential: Credential, need: Need) -> Seen:
        """See `Sharing.look`. When the store is away the node fetches for itself."""
        try:
            return await self._db.write(lambda tx: self._look(tx, credential, need), beside=_beside(credential))
        except Unavailable as error:
            log.warning("token.unshared", credential_id=credential.id, detail=error.detail)
            return Turn(need.known)

    async def put(self, credential: Credential, found: Kept | Failing) -> None:
        """See `Sharing.put`."""
        try:
            await self._vault.prepare(credential.environment_id)
            await self._db.write(lambda tx: self._put(tx, credential, found), beside=_beside(credential))
        except Unavailable as error:
            log.warning("token.unshared", credential_id=credential.id, detail=error.detail)

    def _look(self, tx: Tx, credential: Credential, need: Need) -> Seen:
        if store.version(tx, credential.id) != credential.version:
            return Turn(None)  # an attempt from before a change: what it gets is for itself
        t = credential_token.c
        row = tx.execute(sa.select(credential_token).where(t.credential_id == credential.id)).one_or_none()
        if row is None or row.version != credential.version:
            self._take(tx, credential, need.now, {"sealed": None, "failure": None}, new=row is None)
            return Turn(None)
        grant = self._opened(tx, credential, row)
        if grant is not None and _same(grant, need.refused):
            grant = None
        if grant is not None and need.now < row.renew_at:
            return Kept(grant, row.renew_at)
        if row.failure is not None and 0 <= need.now - row.failed_at < need.quiet_ms:
            return Failing(NotAuthorized(row.failure), row.failed_at)
        if row.holder not in (None, self._node) and need.now < row.held_until:
            return Busy(grant)
        self._take(tx, credential, need.now, {} if grant else {"sealed": None}, new=False)
        return Turn(grant)

    def _take(self, tx: Tx, credential: Credential, now: int, more: dict[str, Any], *, new: bool) -> None:
        mine = {"version": credential.version, "holder": self._node, "held_until": now + LEASE_MS}
        t = credential_token.c
        if new:
            tx.execute(credential_token.insert().values({"credential_id": credential.id, **mine, **more}))
        else:
            tx.execute(credential_token.update().where(t.credential_id == credential.id).values({**mine, **more}))

    def _put(self, tx: Tx, credential: Credential, found: Kept | Failing) -> None:
        values: dict[str, Any] = {"holder": None, "held_until": 0, "failure": None, "failed_at": 0}
        if isinstance(found, Kept):
            data = json.dumps(asdict(found.grant)).encode()
            values["sealed"] = self._vault.seal(
                credential.environment_id, data, table=TABLE, row=credential.id, version=credential.version
            )
            values["renew_at"] = found.renew_at
        else:
            values |= {"failure": found.failure.reason, "failed_at": found.failed_at}
        t = credential_token.c
        mine = (t.credential_id == credential.id, t.version == credential.version, t.holder == self._node)
        tx.execute(credential_token.update().where(*mine).values(values))

    def _opened(self, tx: Tx, credential: Credential, row: sa.Row[Any]) -> Grant | None:
        if row.sealed is None:
            return None
        try:
            opened = self._vault.open(tx, row.sealed, table=TABLE, row=credential.id, version=row.version)
            return Grant(**json.loads(opened))
        except KeyUnavailable:
            return None  # a token whose key is lost is fetched anew


def _same(grant: Grant, other: Grant | None) -> bool:
    return other is not None and (grant.headers, grant.query) == (other.headers, other.query)


def drop(tx: Tx, credential_id: str) -> None:
    """Drop what is shared of a credential that changes or goes."""
    tx.execute(credential_token.delete().where(credential_token.c.credential_id == credential_id))


def _beside(credential: Credential) -> Beside:
    """A lane of their own, so that what waits for the credential's row holds up no message."""
    return Beside("token", ((TABLE, credential.id),), in_order=True)
