"""What is taken as a public key of a client: JWKs for RS384 and ES384, and nothing else. Pure.

Private members are never read: a key is always rebuilt from its public ones.
"""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

from waypost.errors import Fault

ALGORITHMS = ("RS384", "ES384")
LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 8192
MOST_KEYS = 100
MOST_KID = 255

PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""The members of private and shared keys (RFC 7518), those of key pairs for encapsulation with them."""

PublicKey = RSAKey | ECKey


def public_key(jwk: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    """The key that verifies signatures of that algorithm; None when this JWK cannot."""
    if jwk.get("use") not in (None, "sig") or jwk.get("alg") not in (None, algorithm):
        return None
    try:
        return _rsa(jwk) if algorithm == "RS384" else _ec(jwk) if algorithm == "ES384" else None
    except (JoseError, ValueError, TypeError, OverflowError):  # whatever a JWK of others may hold
        return None


def find(keys: list[Any], kid: str) -> dict[str, Any] | None:
    """The first JWK with that id among what should be JWKs."""
    return next((jwk for jwk in keys if isinstance(jwk, dict) and jwk.get("kid") == kid), None)


def faults_of(jwk: Any, pointer: str) -> list[Fault]:
    """What is wrong with a JWK that is to be registered as a client's public key."""
    if not isinstance(jwk, Mapping):
        return [Fault(pointer, "wrong_type", "A JWK is an object.")]
    faults = []
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_KID:
        faults.append(Fault(f"{pointer}/kid", "required", "A key needs an id (`kid`) of 1 to 255 characters."))
    if PRIVATE & jwk.keys():
        faults.append(Fault(pointer, "private_key", "Send the public key only; this one has private members."))
    elif not any(public_key(jwk, algorithm) for algorithm in ALGORITHMS):
        detail = "A key is for RS384 (RSA of 2048 to 8192 bits) or ES384 (EC on P-384)."
        faults.append(Fault(pointer, "unsupported_key", detail))
    return faults


def _rsa(jwk: Mapping[str, Any]) -> RSAKey | None:
    if jwk.get("kty") != "RSA" or not {"n", "e"} <= jwk.keys():
        return None
    if not LEAST_RSA_BITS <= base64_to_int(jwk["n"]).bit_length() <= MOST_RSA_BITS:
        return None
    return RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})


def _ec(jwk: Mapping[str, Any]) -> ECKey | None:
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-384" or not {"x", "y"} <= jwk.keys():
        return None
    return ECKey.import_key({"kty": "EC", "crv": "P-384", "x": jwk["x"], "y": jwk["y"]})
