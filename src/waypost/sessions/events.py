"""What audit events say of people who sign in: one in each organization that the user belongs to."""

from collections.abc import Mapping
from typing import Any

from waypost.access import Caller, User
from waypost.audit import store as audit
from waypost.audit.store import Status
from waypost.db.database import Tx
from waypost.sessions.model import CLIENT_ID, Arrival
from waypost.users import memberships

PASSWORD_SET = "password-set"  # noqa: S105 - a word
FACTOR_REMOVED = "second-factor-removed"


def person(tx: Tx, user_id: int) -> User:
    """The user as a principal, with the roles as they are now."""
    return User(
        user_id, CLIENT_ID, memberships.organizations_of(tx, user_id), memberships.environments_of(tx, user_id)
    )


def arriving(user: User, arrival: Arrival) -> Caller:
    """Somebody who is signing in, as a caller."""
    return Caller(user, arrival.ip, arrival.request_id, arrival.route)


def record(
    tx: Tx,
    caller: Caller,
    type_: str,
    user_id: int,
    now_ms: int,
    *,
    details: Mapping[str, Any] | None = None,
    status: Status = "successful",
) -> None:
    """What the caller did, or tried, about that user."""
    for organization_id in memberships.organizations_of(tx, user_id):
        audit.record(
            tx, caller, type_, organization_id=organization_id, now_ms=now_ms,
            details={"id": user_id, **(details or {})}, status=status,
        )  # fmt: skip
