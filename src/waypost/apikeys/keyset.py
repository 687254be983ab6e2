"""Public key sets (RFC 7517): which of them an API key may hold. Pure.

Tokens are signed with RS384 or ES384, so RSA and P-384 keys are the ones of use; keys of other kinds may stand
in a set (it can serve other systems too) as long as they can be read and are public.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec
from joserfc import jwk
from joserfc.util import base64_to_int
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from waypost import jwks
from waypost.validation import Body, Line

MOST_KEYS = 20
MOST_BYTES = 8_192
MOST_LEVELS = 4
"""Bytes and depth of one key: enough for a certificate chain beside it."""

RSA_BITS = range(jwks.LEAST_RSA_BITS, jwks.MOST_RSA_BITS + 1)


class Jwk(BaseModel):
    """One public key; it may have members of its own beside these."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    kid: Line
    kty: Annotated[str, StringConstraints(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _check({"kid": self.kid, "kty": self.kty, **(self.model_extra or {})})
        return self


class JwkSet(Body):
    """A set of public keys, each known by its `kid`."""

    keys: Annotated[list[Jwk], Field(max_length=MOST_KEYS)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if max(Counter(key.kid for key in self.keys).values(), default=0) > 1:
            raise PydanticCustomError(
                "duplicate_kid", "Two keys of this set have the same kid; give each its own."
            )
        return self


def thumbprints(jwk_set: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What the audit trail keeps of a set: each `kid` with the RFC 7638 thumbprint of its key."""
    if jwk_set is None:
        return None
    return {key["kid"]: jwk.import_key(key).thumbprint() for key in jwk_set["keys"]}


def _check(key: dict[str, Any]) -> None:
    """Raise for a private, weak or unreadable key. What a key holds never stands in the message."""
    if jwks.PRIVATE & key.keys():
        raise PydanticCustomError(
            "private_key", "This is a private or shared key. Replace it everywhere, and send public keys only."
        )
    if _too_deep(key, MOST_LEVELS) or len(msgspec.json.encode(key)) > MOST_BYTES:
        raise PydanticCustomError(
            "invalid_key", "This key holds more than a public key needs; leave the rest out."
        )
    try:
        if key["kty"] == "RSA" and base64_to_int(key["n"]).bit_length() not in RSA_BITS:
            raise PydanticCustomError("key_size", "An RSA key has 2048 to 8192 bits.")
        jwk.import_key(key)
    except PydanticCustomError:
        raise
    except Exception:  # whatever a parser makes of hostile input is the input's fault
        raise PydanticCustomError("invalid_key", "This cannot be read as a public key (RFC 7517).") from None
    if key.get("alg") == "ES384" and key.get("crv") != "P-384":
        raise PydanticCustomError("invalid_key", "A key for ES384 is on the curve P-384.")


def _too_deep(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(one, levels - 1) for one in inner)
