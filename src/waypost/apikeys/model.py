"""What an OAuth API key is: a client of one environment, known by its public keys. Pure.

The key's id is the client id that its assertions name. A key may be made without any public key; no token can
be had with it until it has one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from waypost.apikeys import keyset
from waypost.apikeys.keyset import JwkSet
from waypost.audit.masking import masked_url
from waypost.environments.store import Flag
from waypost.errors import Fault
from waypost.validation import Body, Line, absent

UrlFault = Callable[[str], Fault | None]
"""What is wrong with a URL in the key's environment: the context that both bodies are checked with."""


def _allowed(value: str, info: ValidationInfo) -> str:
    fault = cast(UrlFault, info.context)(value)
    if fault is not None:
        raise PydanticCustomError(fault.code, fault.detail)
    return value


JwksUrl = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_allowed)]


class ApiKeyCreate(Body):
    """Body of Create OAuth API key."""

    name: Line
    jwksURL: JwksUrl | None = Field(None, description="Where the public keys are fetched; wins over jwkSet.")
    jwkSet: JwkSet | None = Field(None, description="The public keys themselves, at most 20.")


class ApiKeyPatch(Body):
    """Body of Update OAuth API key: only supplied fields change."""

    name: Line = absent()
    jwksURL: JwksUrl | None = Field(None, description="null takes the URL away (ours).")
    jwkSet: JwkSet | None = Field(None, description="null takes the keys away (ours).")
    id: Any = Field(None, description="Cannot change; accepted when equal (ours).")
    environment: Any = Field(None, description="Cannot change; accepted when equal (ours).")


IMMUTABLE = ("id", "environment")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One OAuth API key. Where it has both a URL and a set, the URL wins."""

    id: str
    environment_id: str
    flag: Flag
    name: str
    jwks_url: str | None = None
    jwk_set: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """The documented object."""
        body: dict[str, Any] = {"name": self.name}
        if self.jwks_url is not None:
            body["jwksURL"] = self.jwks_url
        if self.jwk_set is not None:
            body["jwkSet"] = self.jwk_set
        body["id"] = self.id
        body["environment"] = {"id": self.environment_id, "environmentFlag": self.flag.value}
        return body

    def audited(self) -> dict[str, Any]:
        """What the audit trail keeps: the URL without its query, and each key's thumbprint."""
        return {
            "name": self.name,
            "jwksURL": None if self.jwks_url is None else masked_url(self.jwks_url),
            "jwkSet": keyset.thumbprints(self.jwk_set),
        }


@dataclass(frozen=True, slots=True)
class LegacyKey:
    """A key with a secret, for `/auth/authenticate`; of the secret only a digest is kept."""

    key: str
    environment_id: str
    name: str
    secret_hash: str
