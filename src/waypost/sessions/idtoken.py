"""The id token: who somebody is, signed by the identity provider for this Waypost and this one sign-in. Pure."""

import hmac
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey, import_key
from joserfc.jws import JWSRegistry

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures by a key that the provider alone has; a shared secret or none at all is never taken."""
KINDS = frozenset({"RSA", "EC", "OKP"})
LEAST_RSA_BITS = 2048
SKEW_SECONDS = 60
MOST_TOKEN = 32_768

IdClaims = Mapping[str, Any]

_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
"""Headers with members that mean nothing to us are no fault (RFC 7515, 4)."""


def key_id(token: str) -> str | None:
    """The key that a token says it is signed with; nothing of it is believed yet."""
    if not token.isascii() or len(token) > MOST_TOKEN:
        return None
    try:
        found = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def claims(
    token: str, jwk: Mapping[str, Any], *, issuer: str, audience: str, nonce: str, now: int
) -> IdClaims | str:
    """What the token says, once all of it is found right; else one word for what is wrong."""
    if jwk.get("kty") not in KINDS or jwk.get("use") not in (None, "sig"):
        return "unsupported_key"
    wanted = jwt.JWTClaimsRegistry(
        now=now,
        leeway=SKEW_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        key = import_key(dict(jwk))
        if isinstance(key, RSAKey) and key.public_key.key_size < LEAST_RSA_BITS:
            return "unsupported_key"
        found = jwt.decode(token, key, registry=_REGISTRY).claims
        wanted.validate(found)
    except JoseError as error:
        return _word(error)
    except (ValueError, TypeError, KeyError, RecursionError):
        return "malformed"
    return _bound(found, audience, nonce) or found


def _bound(found: IdClaims, audience: str, nonce: str) -> str | None:
    """What keeps a token from being of this one sign-in; None when nothing does."""
    given = found["nonce"]
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        return "wrong_nonce"
    others = isinstance(found["aud"], list) and len(found["aud"]) > 1
    if found.get("azp", None if others else audience) != audience:
        return "wrong_azp"
    return None


def _word(error: JoseError) -> str:
    claim = getattr(error, "claim", None)
    return f"wrong_{claim}" if isinstance(claim, str) and claim.isidentifier() else str(error.error)
