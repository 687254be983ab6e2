"""What a session is, how long it holds, and how long whoever guesses has to wait. Pure.

A cookie is a random secret; only its digest is kept. What else a browser has to show (the token in its forms) is
drawn from the cookie, so that there is no second secret to keep.
"""

import base64
import hashlib
import hmac
import ipaddress
import math
from dataclasses import dataclass, field
from enum import StrEnum

from waypost import ids
from waypost.access import OrganizationRole, User

CLIENT_ID = "dashboard"
"""What the audit trail calls somebody who works in the browser."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
IDLE_MS = 15 * MINUTE_MS
LONGEST_MS = 12 * HOUR_MS
SLIDE_MS = MINUTE_MS
"""A session that is used has its idle end moved at most so often."""
STEP_MS = 5 * MINUTE_MS
"""Between the password and the code."""
INVITATION_MS = 72 * HOUR_MS
INVITATIONS = "/dashboard/invitations"

COOKIE_LENGTH = 43
"""Of 256 bits in base64url."""


class Means(StrEnum):
    """How somebody has signed in."""

    password = "password"  # noqa: S105 - a word
    code = "code"
    provider = "provider"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in; `user` has the roles as they are now. `id` is the digest of the cookie."""

    id: str
    user: User
    email: str
    name: str
    csrf: str = field(repr=False)
    means: Means
    needs_second_factor: bool
    signed_in_at_ms: int
    ends_at_ms: int

    @property
    def user_id(self) -> int:
        """The user's number."""
        return self.user.id


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session, and the cookie that brings it back."""

    session: Session
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedsCode:
    """The password was right; `step` brings this back once the code is there."""

    step: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """Not signed in, for whatever reason; before `wait_seconds` are over no attempt counts."""

    wait_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """Too long after the password, or used before: begin anew."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that sets its user's password, once."""

    user_id: int
    email: str
    token: str = field(repr=False)
    expires_at_ms: int

    @property
    def path(self) -> str:
        """Where it leads, on this server."""
        return f"{INVITATIONS}/{self.token}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of somebody who has not signed in yet, for the audit trail."""

    ip: str
    request_id: str = ""
    route: str = "sign-in"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may go wrong before the wait begins; then each failure doubles it."""

    free: int
    most_seconds: int
    forgotten_ms: int

    def wait_ms(self, failures: int) -> int:
        """How long no attempt counts after so many failures in a row."""
        over = failures - self.free
        return 0 if over < 0 else min(2 ** min(over + 1, 30), self.most_seconds) * 1000


ACCOUNT = Limit(free=5, most_seconds=900, forgotten_ms=24 * HOUR_MS)
ADDRESS = Limit(free=20, most_seconds=60, forgotten_ms=HOUR_MS)
"""Wider: behind one address there may be a whole clinic."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What failures are counted of."""

    key: str
    limit: Limit

    @classmethod
    def account(cls, email: str) -> "Guarded":
        """The passwords tried for an address, whether a user has it or not."""
        return cls(f"account:{ids.digest(email)}", ACCOUNT)

    @classmethod
    def codes(cls, user_id: int) -> "Guarded":
        """The codes tried for a user."""
        return cls(f"codes:{user_id}", ACCOUNT)

    @classmethod
    def address(cls, ip: str) -> "Guarded":
        """What comes from a network address; of IPv6 the network that one subscriber has."""
        return cls(f"address:{_network(ip)}", ADDRESS)


def lower(email: str) -> str:
    """The address as it is kept and compared."""
    return email.strip().lower()


def expires_at(now_ms: int, ends_at_ms: int) -> int:
    """When a session that is used now ends, unless it is used again."""
    return min(now_ms + IDLE_MS, ends_at_ms)


def needs_second_factor(user: User, means: Means, *, exposed: bool) -> bool:
    """Whether more than a password is asked of this user: of owners, where strangers reach the server."""
    return exposed and means is Means.password and OrganizationRole.owner in user.organizations.values()


def drawn(secret: str, purpose: str) -> str:
    """Something that only whoever holds the secret can know, and that does not tell the secret."""
    mac = hmac.digest(secret.encode(), f"waypost {purpose}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def csrf_of(cookie: str) -> str:
    """What the forms of a session carry, and those before it of the cookie that stands for it."""
    return drawn(cookie, "form")


def is_cookie(text: str) -> bool:
    """Whether it looks like a cookie of ours."""
    return len(text) == COOKIE_LENGTH and text.isascii()


def seconds(wait_ms: int) -> int:
    """A wait in words for people: whole seconds, never too few."""
    return math.ceil(wait_ms / 1000)


def _network(ip: str) -> str:
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False).network_address)
