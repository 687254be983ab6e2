"""What a user is, and which values a new one may have. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from waypost import jwks
from waypost.access import EnvironmentRole, OrganizationRole
from waypost.errors import Fault

MOST_EMAIL = 254
MOST_NAME = 255
MOST_URL = 2048

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f-\x9f]{1,64}@[^\s@\x00-\x1f\x7f-\x9f]+")
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class User:
    """A person. The e-mail address is lower case; times in ms."""

    id: int
    email: str
    name: str
    last_login: int | None = None


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Where a client's public keys are: at a URL, or a pasted JWK set. The URL wins, as with the vendor."""

    jwks_url: str | None = None
    jwk_set: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, jwk: Mapping[str, Any]) -> "PublicKeys":
        """A set with this one public JWK."""
        return cls(jwk_set={"keys": [dict(jwk)]})

    def faults(self) -> list[Fault]:
        """What is wrong with them."""
        if self.jwks_url is not None:
            return _url_faults(self.jwks_url)
        keys = self.jwk_set.get("keys") if self.jwk_set is not None else None
        if not isinstance(keys, list) or not 0 < len(keys) <= jwks.MOST_KEYS:
            return [Fault("/jwkSet/keys", "required", f"Give 1 to {jwks.MOST_KEYS} public keys, or a JWKS URL.")]
        return [fault for n, jwk in enumerate(keys) for fault in jwks.faults_of(jwk, f"/jwkSet/keys/{n}")]


@dataclass(frozen=True, slots=True)
class UserKey:
    """A user-level API key; `client_id` is the `iss` of its assertions."""

    client_id: str
    user_id: int
    name: str
    keys: PublicKeys
    created_at: int
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is to be added to an organization. Given ids are honoured; `init --from` needs that."""

    email: str
    organization_id: int
    keys: PublicKeys
    name: str = ""
    organization_role: OrganizationRole = OrganizationRole.member
    environment_roles: Mapping[str, EnvironmentRole] = field(default_factory=dict)
    key_name: str = "default"
    user_id: int | None = None
    client_id: str | None = None

    @property
    def lower_email(self) -> str:
        """The address as it is kept and compared."""
        return self.email.strip().lower()

    @property
    def shown_name(self) -> str:
        """The name, or what stands before the @ where none was given."""
        return self.name.strip() or self.lower_email.partition("@")[0]

    def faults(self) -> list[Fault]:
        """What is wrong with it, as far as it can be seen without the store."""
        faults = []
        if len(self.lower_email) > MOST_EMAIL or not _EMAIL.fullmatch(self.lower_email):
            faults.append(Fault("/email", "invalid_email", "An e-mail address has the form name@host."))
        faults += name_faults(self.name, "/name") + name_faults(self.key_name, "/keyName")
        if self.user_id is not None and not 0 < self.user_id < 2**53:
            faults.append(Fault("/id", "invalid_id", "A user's id is a positive number below 2^53."))
        return faults + client_id_faults(self.client_id) + self.keys.faults()


@dataclass(frozen=True, slots=True)
class Added:
    """A user and the key made for them."""

    user: User
    key: UserKey


@dataclass(frozen=True, slots=True)
class Member:
    """A user with every role they hold."""

    user: User
    organizations: Mapping[int, OrganizationRole]
    environments: Mapping[str, EnvironmentRole]


def client_id_faults(client_id: str | None) -> list[Fault]:
    """What is wrong with a given client id."""
    if client_id is None or _CLIENT_ID.fullmatch(client_id):
        return []
    return [Fault("/clientId", "invalid_id", "A client id is 1 to 255 visible ASCII characters.")]


def on_loopback(url: str) -> bool:
    """Whether the URL's host is a loopback address; such a key set may come over plain http."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False


def name_faults(name: str, pointer: str) -> list[Fault]:
    """What is wrong with the name of a user or a key."""
    if len(name) <= MOST_NAME and not _CONTROL.search(name):
        return []
    return [Fault(pointer, "invalid_name", f"A name is one line of at most {MOST_NAME} characters.")]


def _url_faults(url: str) -> list[Fault]:
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and not parts.username and not parts.fragment and parts.port != 0
    except ValueError:
        plain = False
    if not plain or len(url) > MOST_URL or parts.scheme not in {"http", "https"} or _CONTROL.search(url):
        return [Fault("/jwksURL", "invalid_url", "Give an absolute https URL without user info or fragment.")]
    if parts.scheme != "https" and not on_loopback(url):
        return [Fault("/jwksURL", "https_required", "A key set is fetched over https, but for loopback.")]
    return []
