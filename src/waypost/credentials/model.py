"""What a credential is, how it is shown, and what follows from a change to it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.audit.masking import CHANGED, masked_url
from waypost.clock import iso
from waypost.credentials.strategies import DEFAULT
from waypost.credentials.strategies.fields import one_line
from waypost.credentials.strategies.strategy import Strategy
from waypost.egress.urls import authority_of
from waypost.errors import Fault
from waypost.validation import Body

NOUN = "auth credential"
IMMUTABLE = ("organization", "environmentId", "id", "createdAt", "updatedAt", "authStrategy")


def _visible(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "A name needs at least one visible character.")
    return value


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(_visible), AfterValidator(one_line)
]


class Created(Body):
    """What every create request has beside the fields of its strategy."""

    name: Name = Field(description="A name for people.")
    environmentId: str = Field(description="The environment that the credential belongs to.")
    organization: int | None = Field(None, description="The environment's organization, if given.")
    authStrategy: str = Field(DEFAULT, description="The strategy; left out in the documented request.")


class Renamed(Body):
    """What a change may have beside the fields of the strategy."""

    name: Name


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential without its secrets, of which it only names those that are there."""

    id: str
    organization_id: int
    environment_id: str
    name: str
    strategy: str
    settings: Mapping[str, Any]
    secrets: frozenset[str]
    version: int
    created_at: int
    updated_at: int

    @property
    def etag(self) -> str:
        """The entity tag of this version (RFC 9110)."""
        return f'"{self.version}"'


def has(secret: str) -> str:
    """The field that stands in a secret's place: `clientSecret` → `hasClientSecret`."""
    return f"has{secret[:1].upper()}{secret[1:]}"


def shown(credential: Credential, strategy: Strategy[Any]) -> dict[str, Any]:
    """The API's object; nothing secret is in it."""
    return {
        "organization": credential.organization_id,
        "name": credential.name,
        "environmentId": credential.environment_id,
        "id": credential.id,
        "createdAt": iso(credential.created_at),
        "updatedAt": iso(credential.updated_at),
        "authStrategy": credential.strategy,
        **credential.settings,
        **{
            has(secret): secret in credential.secrets
            for secret in strategy.available
            if secret in strategy.secrets
        },
    }


def audited(credential: Credential, strategy: Strategy[Any]) -> dict[str, Any]:
    """The object as audit events have it: query strings of URLs are hidden too."""
    body = shown(credential, strategy)
    return {name: masked_url(value) if name in strategy.urls else value for name, value in body.items()}


def difference(
    before: Credential, after: Credential, secrets: Iterable[str], strategy: Strategy[Any]
) -> dict[str, Any]:
    """What changed, for the audit event: each field before and after; the changed secrets only by name."""
    old, new = shown(before, strategy), shown(after, strategy)
    moved = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "updatedAt"]
    old, new = audited(before, strategy), audited(after, strategy)
    return {
        "id": before.id,
        "before": {name: old[name] for name in moved if name in old},
        "after": {name: new[name] for name in moved if name in new} | dict.fromkeys(secrets, CHANGED),
    }


def origin(url: Any) -> tuple[bool, str, int] | None:
    """Scheme, host and port of a URL, as the egress policy reads them; None when it is no URL."""
    found = authority_of(url) if isinstance(url, str) else ""
    return None if isinstance(found, str) else (found.https, found.name, found.port)


def moved_url(strategy: Strategy[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether some URL now leads to another scheme, host or port than the secrets were given for."""
    return any(origin(after.get(name)) not in (None, origin(before.get(name))) for name in strategy.urls)


def immutable_faults(given: Mapping[str, Any], there: Credential, strategy: Strategy[Any]) -> list[Fault]:
    """A fault for each field that cannot change and is not equal to what is there."""
    body = shown(there, strategy)
    return [
        Fault(f"/{name}", "immutable", "This cannot change; leave it out, or send it as it is.")
        for name in immutable(strategy)
        if name in given and not same(given[name], body[name])
    ]


def immutable(strategy: Strategy[Any]) -> tuple[str, ...]:
    """The fields of the object that are accepted in a change only as they are."""
    return (*IMMUTABLE, *(has(secret) for secret in sorted(strategy.secrets)))


def same(given: Any, there: Any) -> bool:
    """Equal in value and in JSON's type: 1 is not true."""
    return type(given) is type(there) and bool(given == there)
