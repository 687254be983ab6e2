"""Rows of second factors: a sealed secret for codes, and digests of recovery codes.

Until its first code is given a factor is only begun, and belongs to the session that began it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from waypost import ids
from waypost.db.database import Tx, metadata
from waypost.sessions import totp
from waypost.vault.vault import INSTALLATION, Vault

second_factor = sa.Table(
    "second_factor",
    metadata,
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), primary_key=True, autoincrement=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("begun_by", sa.String(64), nullable=False),
    sa.Column("confirmed_at", sa.BigInteger),
    sa.Column("last_step", sa.BigInteger, nullable=False),
)

recovery_code = sa.Table(
    "recovery_code",
    metadata,
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), primary_key=True),
)

TABLE = second_factor.name


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor as it is kept; `last_step` is the time step whose code was used last."""

    user_id: int
    secret: bytes = field(repr=False)
    begun_by: str
    confirmed_at: int | None
    last_step: int


def of(tx: Tx, user_id: int) -> Factor | None:
    """The user's factor, a begun one too."""
    row = tx.execute(sa.select(second_factor).where(second_factor.c.user_id == user_id)).one_or_none()
    if row is None:
        return None
    return Factor(row.user_id, row.secret, row.begun_by, row.confirmed_at, row.last_step)


def list_all(tx: Tx) -> list[Factor]:
    """Everybody's."""
    return [
        Factor(row.user_id, row.secret, row.begun_by, row.confirmed_at, row.last_step)
        for row in tx.execute(sa.select(second_factor).order_by(second_factor.c.user_id))
    ]


def since(tx: Tx, user_id: int) -> int | None:
    """Since when the user gives codes; None for who does not."""
    return tx.scalar(sa.select(second_factor.c.confirmed_at).where(second_factor.c.user_id == user_id))


def open_secret(tx: Tx, vault: Vault, factor: Factor) -> bytes:
    """The secret itself. Raises KeyUnavailable."""
    return vault.open(tx, factor.secret, table=TABLE, row=str(factor.user_id))


def begin(tx: Tx, vault: Vault, user_id: int, secret: bytes, begun_by: str) -> None:
    """A factor that counts once it is confirmed; one begun before is dropped. The vault was prepared."""
    drop(tx, user_id)
    sealed = vault.seal(INSTALLATION, secret, table=TABLE, row=str(user_id))
    row = {"user_id": user_id, "secret": sealed, "begun_by": begun_by, "confirmed_at": None, "last_step": 0}
    tx.execute(second_factor.insert().values(row))


def confirm(tx: Tx, user_id: int, now_ms: int) -> None:
    """From now on the user gives codes."""
    tx.execute(second_factor.update().where(second_factor.c.user_id == user_id).values(confirmed_at=now_ms))


def drop(tx: Tx, user_id: int) -> None:
    """Take the user's factor away, recovery codes included."""
    tx.execute(recovery_code.delete().where(recovery_code.c.user_id == user_id))
    tx.execute(second_factor.delete().where(second_factor.c.user_id == user_id))


def spend(tx: Tx, vault: Vault, factor: Factor, code: str, now_ms: int) -> bool:
    """Use a code of the app up; False for a wrong one and one that was used. Raises KeyUnavailable."""
    step = totp.step_of(open_secret(tx, vault, factor), code, now_ms, factor.last_step)
    if step is None:
        return False
    mine = second_factor.update().where(second_factor.c.user_id == factor.user_id)
    tx.execute(mine.values(last_step=step))
    return True


def put_recovery_codes(tx: Tx, user_id: int, codes: Sequence[str]) -> None:
    """The user's recovery codes from now on."""
    tx.execute(recovery_code.delete().where(recovery_code.c.user_id == user_id))
    tx.execute(recovery_code.insert(), [{"user_id": user_id, "digest": _digest(code)} for code in codes])


def spend_recovery_code(tx: Tx, user_id: int, code: str) -> bool:
    """Use a recovery code up; False for a wrong one."""
    c = recovery_code.c
    return tx.execute(recovery_code.delete().where(c.user_id == user_id, c.digest == _digest(code))).rowcount == 1


def recovery_codes_left(tx: Tx, user_id: int) -> int:
    """How many the user still has."""
    mine = recovery_code.c.user_id == user_id
    return tx.scalar(sa.select(sa.func.count()).select_from(recovery_code).where(mine)) or 0


def _digest(code: str) -> str:
    return ids.digest(totp.without_spaces(code))
