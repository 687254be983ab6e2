"""Rows of passwords, invitations and sessions. Of every secret that only has to be recognised, its digest.

What has an `expires_at` means nothing after it, and retention removes it.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from waypost import ids
from waypost.db.database import Tx, metadata
from waypost.sessions import model
from waypost.sessions.model import Means
from waypost.users.store import app_user

password = sa.Table(
    "password",
    metadata,
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), primary_key=True, autoincrement=False),
    sa.Column("derived", sa.Text, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)

invitation = sa.Table(
    "invitation",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
    sa.Column("drops_factor", sa.Boolean, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "user_id"),
    sa.Index(None, "expires_at"),
)

sign_in_step = sa.Table(
    "sign_in_step",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "user_id"),
    sa.Index(None, "expires_at"),
)
"""Between the password and the code. It is no session, and cannot be taken for one."""

session = sa.Table(
    "session",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
    sa.Column("means", sa.String(16), nullable=False),
    sa.Column("ip", sa.String(64), nullable=False),
    sa.Column("signed_in_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "user_id"),
    sa.Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is kept, with its user's names. Times in ms."""

    digest: str
    user_id: int
    email: str
    name: str
    means: Means
    ip: str
    signed_in_at: int
    seen_at: int
    ends_at: int


def password_of(tx: Tx, user_id: int) -> str | None:
    """What is kept of the user's password; None without one."""
    return tx.scalar(sa.select(password.c.derived).where(password.c.user_id == user_id))


def put_password(tx: Tx, user_id: int, derived: str, now_ms: int) -> None:
    """Set the user's password."""
    drop_password(tx, user_id)
    tx.execute(password.insert().values(user_id=user_id, derived=derived, changed_at=now_ms))


def drop_password(tx: Tx, user_id: int) -> None:
    """Take the user's password away."""
    tx.execute(password.delete().where(password.c.user_id == user_id))


def invite(tx: Tx, token: str, user_id: int, *, drops_factor: bool, expires_at: int) -> None:
    """The user's one invitation; an earlier one ends."""
    tx.execute(invitation.delete().where(invitation.c.user_id == user_id))
    row = {"digest": ids.digest(token), "user_id": user_id, "drops_factor": drops_factor, "expires_at": expires_at}
    tx.execute(invitation.insert().values(row))


def invited(tx: Tx, token: str, now_ms: int) -> tuple[int, bool] | None:
    """Whose invitation that is, and whether it takes their second factor away; None when it has ended."""
    c = invitation.c
    query = sa.select(c.user_id, c.drops_factor).where(c.digest == ids.digest(token), c.expires_at >= now_ms)
    row = tx.execute(query).one_or_none()
    return None if row is None else (row.user_id, row.drops_factor)


def drop_invitations(tx: Tx, user_id: int) -> None:
    """End the user's invitation."""
    tx.execute(invitation.delete().where(invitation.c.user_id == user_id))


def open_step(tx: Tx, token: str, user_id: int, expires_at: int) -> None:
    """Remember that the user's password was right."""
    tx.execute(sign_in_step.insert().values(digest=ids.digest(token), user_id=user_id, expires_at=expires_at))


def step(tx: Tx, token: str, now_ms: int) -> int | None:
    """Whose step that is; None when it has ended."""
    c = sign_in_step.c
    return tx.scalar(sa.select(c.user_id).where(c.digest == ids.digest(token), c.expires_at >= now_ms))


def close_step(tx: Tx, token: str) -> None:
    """Use a step up."""
    tx.execute(sign_in_step.delete().where(sign_in_step.c.digest == ids.digest(token)))


def open_session(tx: Tx, cookie: str, user_id: int, means: Means, ip: str, now_ms: int, ends_at: int) -> None:
    """A new session."""
    tx.execute(
        session.insert().values(
            digest=ids.digest(cookie), user_id=user_id, means=means.value, ip=ip[:64], signed_in_at=now_ms,
            seen_at=now_ms, ends_at=ends_at, expires_at=model.expires_at(now_ms, ends_at),
        )
    )  # fmt: skip


def rotate(tx: Tx, digest: str, cookie: str, means: Means) -> bool:
    """The session goes on under another cookie, with these means; False when it has ended meanwhile."""
    changed = {"digest": ids.digest(cookie), "means": means.value}
    return tx.execute(session.update().where(session.c.digest == digest).values(changed)).rowcount == 1


def find(tx: Tx, cookie: str, now_ms: int) -> SessionRow | None:
    """The session that the cookie brings back; None when it has ended."""
    query = _rows().where(session.c.digest == ids.digest(cookie), session.c.expires_at >= now_ms)
    row = tx.execute(query).one_or_none()
    return None if row is None else _row(row)


def list_of(tx: Tx, user_id: int, now_ms: int) -> list[SessionRow]:
    """The user's sessions, the last used first."""
    query = _rows().where(session.c.user_id == user_id, session.c.expires_at >= now_ms)
    return [_row(row) for row in tx.execute(query.order_by(session.c.seen_at.desc(), session.c.digest))]


def slide(tx: Tx, row: SessionRow, ip: str, now_ms: int) -> None:
    """The session was used."""
    expires_at = model.expires_at(now_ms, row.ends_at)
    mine = session.update().where(session.c.digest == row.digest)
    tx.execute(mine.values(seen_at=now_ms, expires_at=expires_at, ip=ip[:64]))


def end(tx: Tx, digest: str) -> bool:
    """End one session; whether it was there."""
    return tx.execute(session.delete().where(session.c.digest == digest)).rowcount == 1


def end_all(tx: Tx, user_id: int, *, but: str = "") -> int:
    """End the user's sessions and half-done sign-ins, but for the session with that digest; how many sessions."""
    tx.execute(sign_in_step.delete().where(sign_in_step.c.user_id == user_id))
    c = session.c
    return tx.execute(session.delete().where(c.user_id == user_id, c.digest != but)).rowcount


def _rows() -> sa.Select[tuple[object, ...]]:
    c = session.c
    columns = (c.digest, c.user_id, c.means, c.ip, c.signed_in_at, c.seen_at, c.ends_at)
    return sa.select(*columns, app_user.c.email, app_user.c.fullname).join_from(session, app_user)


def _row(row: sa.Row[tuple[object, ...]]) -> SessionRow:
    return SessionRow(
        row.digest, row.user_id, row.email, row.fullname, Means(row.means), row.ip, row.signed_in_at,
        row.seen_at, row.ends_at,
    )  # fmt: skip
