"""The client's side of the exchange: key pairs and signed assertions, for the command line and for tests.

It stands on the standard library and joserfc alone, so that a command which only needs a token starts fast.
"""

from collections.abc import Mapping
from typing import Any, Literal

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from waypost.clock import Clock
from waypost.ids import random_id

PATH = "/v2/auth/token"
"""Where a server takes it."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_SECONDS = 300
RSA_BITS = 2048

_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


def new_key(alg: Literal["RS384", "ES384"] = "RS384") -> dict[str, Any]:
    """A fresh private key as a JWK, with `kid` and `alg`."""
    key = RSAKey.generate_key(RSA_BITS) if alg == "RS384" else ECKey.generate_key("P-384")
    return {**key.as_dict(private=True), "kid": random_id(), "alg": alg, "use": "sig"}


def public_of(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The public half of such a key."""
    names = (*_PUBLIC[jwk["kty"]], "kid", "alg", "use")
    return {name: jwk[name] for name in names if name in jwk}


def assertion(private_jwk: Mapping[str, Any], client_id: str, audience: str, **claims: Any) -> str:
    """A signed assertion that holds for five minutes; `claims` replace or add to the usual ones."""
    now = Clock().now_ms() // 1000
    payload = {
        "iss": client_id, "sub": client_id, "aud": audience,
        "iat": now, "exp": now + LIFE_SECONDS, "jti": random_id(),
    }  # fmt: skip
    return sign(private_jwk, {**payload, **claims})


def sign(private_jwk: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Any claims, signed with that key."""
    key = {name: value for name, value in private_jwk.items() if name != "use"}
    kind = RSAKey if private_jwk["kty"] == "RSA" else ECKey
    header = {"alg": private_jwk["alg"], "kid": private_jwk["kid"]}
    return jwt.encode(header, dict(claims), kind.import_key(key), algorithms=[private_jwk["alg"]])


def form(signed: str) -> dict[str, str]:
    """The fields that `/v2/auth/token` takes."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    }
