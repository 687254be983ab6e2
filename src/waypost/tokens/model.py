"""What the token endpoint takes and refuses, in the vendor's words. Pure.

The checks stand in the vendor's order: form, header, key and signature, claims. No answer says more about
what was wrong than the vendor's own descriptions do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeGuard

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from waypost.egress.lists import OPEN, EgressList
from waypost.errors import WaypostError
from waypost.jwks import ALGORITHMS, PublicKey
from waypost.tokens.assertion import ASSERTION_TYPE
from waypost.users.model import PublicKeys
from waypost.validation import Body

ERROR_URI = "https://docs.redoxengine.com/permalink/7sEi7MTFssZ1JuHpUYLeYJ"
UNKNOWN = "Public key not found, check client_id, kid and Redox dashboard settings"

TOKEN_SECONDS = 300
LEGACY_SECONDS = 24 * 3600
REFRESH_SECONDS = 30 * 24 * 3600
SKEW_SECONDS = 10
OLDEST_SECONDS = 300
LONGEST_SECONDS = 3600
KEPT_LONGER_MS = 60_000
"""A spent assertion is remembered so long past its end: clocks of nodes differ."""
MOST_ASSERTION = 16_384
MOST_WORD = 255


def _registry(algorithm: str) -> JWSRegistry:
    """Takes this algorithm alone, and headers with members that mean nothing to us (RFC 7515, 4)."""
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = MOST_ASSERTION
    return registry


_REGISTRIES = {algorithm: _registry(algorithm) for algorithm in ALGORITHMS}


class Refusal(WaypostError):
    """The token endpoint's own kind of error; its description may be empty."""

    code = "invalid_request"
    title = "Token refused"

    def __init__(
        self, description: str = "", error: Literal["invalid_request", "invalid_client"] = "invalid_request"
    ) -> None:
        super().__init__(description)
        self.error = error

    @property
    def body(self) -> dict[str, str]:
        """The documented error body."""
        return {"error": self.error, "error_description": self.detail, "error_uri": ERROR_URI}


class TokenKind(StrEnum):
    """Whom a token stands for."""

    user = "user"
    source = "source"
    legacy = "legacy"

    @property
    def scope(self) -> str:
        """What its tokens open."""
        return "platform" if self is TokenKind.user else "endpoint"


@dataclass(frozen=True, slots=True)
class TokenClient:
    """Who may exchange assertions, and where its public keys are."""

    id: str
    kind: TokenKind
    keys: PublicKeys
    https_only: bool
    user_id: int | None = None
    environment_id: str | None = None
    egress: EgressList = OPEN


@dataclass(frozen=True, slots=True)
class Unverified:
    """An assertion that was read but not believed yet."""

    text: str
    algorithm: str
    kid: str
    jku: Any
    issuer: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is left of an assertion that was believed: its single-use id. Time in ms."""

    jti: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer of the token endpoint."""

    access_token: str
    scope: str
    expires_in: int = TOKEN_SECONDS

    @property
    def body(self) -> dict[str, Any]:
        """The documented members, and those that RFC 6749 requires."""
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        }


@dataclass(frozen=True, slots=True)
class LegacyIssued:
    """The answer of the legacy addresses; `expires` is an ISO date-time."""

    accessToken: str
    expires: str
    refreshToken: str


class LegacyLogin(Body):
    """Body of `/auth/authenticate`."""

    apiKey: str
    secret: str


class LegacyRefresh(Body):
    """Body of `/auth/refreshToken`."""

    apiKey: str
    refreshToken: str


def assertion_of(form: Mapping[str, str]) -> str:
    """The assertion in the form. Raises Refusal."""
    if not form.get("grant_type"):
        raise Refusal("Missing grant_type parameter")
    if form["grant_type"] != "client_credentials":
        raise Refusal("The grant_type parameter should equal 'client_credentials'")
    if not form.get("client_assertion_type"):
        raise Refusal("Missing client assertion type")
    if form["client_assertion_type"] != ASSERTION_TYPE:
        raise Refusal("Invalid client assertion type")
    if not form.get("client_assertion"):
        raise Refusal("Missing client assertion")
    return form["client_assertion"]


def read(text: str) -> Unverified:
    """Header and claims of an assertion, unverified. Raises Refusal."""
    header, claims = _parts(text)
    if header.get("alg") not in ALGORITHMS:
        raise Refusal()
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Refusal("JWT header kid property is required")
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise Refusal("Unexpected iss claim value")
    if len(kid) > MOST_WORD or len(issuer) > MOST_WORD:
        raise unknown()
    return Unverified(text, header["alg"], kid, header.get("jku"), issuer, claims)


def unknown() -> Refusal:
    """The one answer to an unknown client, an unknown key and a bad signature."""
    return Refusal(UNKNOWN, "invalid_client")


def signed_by(assertion: Unverified, key: PublicKey) -> bool:
    """Whether the assertion carries that key's signature."""
    try:
        jws.deserialize_compact(assertion.text, key, registry=_REGISTRIES[assertion.algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


def proof_of(claims: Mapping[str, Any], audiences: frozenset[str], now_ms: int) -> Proof:
    """The proof in the claims of a verified assertion. Raises Refusal."""
    now = now_ms / 1000
    issued, expires, jti = claims.get("iat"), claims.get("exp"), claims.get("jti")
    if claims.get("sub") != claims["iss"]:
        raise Refusal("Unexpected sub claim value")
    if not _meant_for(claims.get("aud"), audiences):
        raise Refusal()
    if not _is_number(issued) or not now - OLDEST_SECONDS - SKEW_SECONDS <= issued <= now + SKEW_SECONDS:
        raise Refusal()
    if not _is_number(expires) or not now < expires <= issued + LONGEST_SECONDS:
        raise Refusal("Unexpected exp claim value")
    if "nbf" in claims and not (_is_number(claims["nbf"]) and claims["nbf"] <= now + SKEW_SECONDS):
        raise Refusal("Unexpected nbf claim value")
    if not isinstance(jti, str) or not 0 < len(jti) <= MOST_WORD:
        raise Refusal()
    return Proof(jti, int(expires * 1000) + KEPT_LONGER_MS)


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact JWS. Raises Refusal."""
    parts = text.split(".")
    if len(text) > MOST_ASSERTION or len(parts) != 3:
        raise Refusal()
    try:
        header, claims = (msgspec.json.decode(urlsafe_b64decode(part.encode())) for part in parts[:2])
    except (ValueError, RecursionError):
        raise Refusal() from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refusal()
    return header, claims


def _meant_for(audience: Any, audiences: frozenset[str]) -> bool:
    named = audience if isinstance(audience, list) else [audience]
    return any(isinstance(one, str) and one in audiences for one in named)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
