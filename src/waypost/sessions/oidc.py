"""Signing in by an identity provider: OpenID Connect, the authorization code flow with PKCE.

Authlib writes and reads what the protocol says, joserfc verifies, and every call goes out through our own client.
Between the two halves nothing is kept here: the browser holds one random secret, the flow, and what the provider
has to repeat (`state`, `nonce`) and what it must not know (the PKCE verifier) are drawn from it.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlsplit

import msgspec
import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

from waypost import ids
from waypost.clock import Clock
from waypost.egress.client import Answer, Client, Unreached
from waypost.sessions import idtoken, model
from waypost.sessions.idtoken import IdClaims
from waypost.tokens.keysets import KeySets

CALLBACK = "/dashboard/sign-in/provider/callback"
SCOPE = "openid email profile"
TIMEOUT_SECONDS = 10
MOST_BYTES = 256 * 1024
FRESH_MS = 3_600_000
"""What the provider says of itself is read anew after so long."""

log = structlog.get_logger("waypost.sessions")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the provider knows this Waypost by."""

    id: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """Where to send the browser, and the secret that it has to bring back."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for, by a verified address."""

    email: str


@dataclass(frozen=True, slots=True)
class NotVouched:
    """Nobody, and why, in words for the person who tries to sign in."""

    reason: str


class Provider:
    """The identity provider that the operator has named. `home` is where the browser reaches this server."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        issuer: str,
        us: Registration,
        home: Callable[[], str | None],
        https_only: bool = True,
    ) -> None:
        self._client = client
        self._clock = clock
        self._issuer = issuer
        self._us = us
        self._home = home
        self._https_only = https_only
        self._keysets = KeySets(client, clock)
        self._said: tuple[int, OpenIDProviderMetadata] | None = None

    @property
    def name(self) -> str:
        """What to call it: its host."""
        return urlsplit(self._issuer).hostname or self._issuer

    async def start(self) -> Flow | NotVouched:
        """The first half: off to the provider."""
        home, said = self._home(), await self._metadata()
        if isinstance(said, NotVouched):
            return said
        if home is None:
            return NotVouched("This server does not know its own address; the operator sets WAYPOST_BASE_URL.")
        secret = ids.new_secret()
        challenge = create_s256_code_challenge(model.drawn(secret, "verifier"))
        url = prepare_grant_uri(
            said["authorization_endpoint"], self._us.id, "code", home + CALLBACK, SCOPE,
            state=model.drawn(secret, "state"), nonce=model.drawn(secret, "nonce"),
            code_challenge=challenge, code_challenge_method="S256",
        )  # fmt: skip
        return Flow(str(url), secret)

    async def finish(self, flow: str, given: Mapping[str, str]) -> Vouched | NotVouched:
        """The second half: whom the provider vouches for, by what it gave the browser to bring."""
        if not model.is_cookie(flow) or not _same(given.get("state", ""), model.drawn(flow, "state")):
            return NotVouched("This answer belongs to no sign-in of this browser, or to an old one. Begin again.")
        if given.get("iss", self._issuer) != self._issuer:
            return NotVouched("The answer comes from another identity provider.")
        if not given.get("code"):
            return _refused("authorization", given.get("error"))
        said = await self._metadata()
        if isinstance(said, NotVouched):
            return said
        answer = await self._exchange(said, given["code"], model.drawn(flow, "verifier"))
        if isinstance(answer, NotVouched):
            return answer
        return await self._believed(said, answer, model.drawn(flow, "nonce"))

    async def _believed(
        self, said: OpenIDProviderMetadata, answer: Mapping[str, Any], nonce: str
    ) -> Vouched | NotVouched:
        token = str(answer.get("id_token", ""))
        kid = idtoken.key_id(token)
        jwk = kid and await self._keysets.key(
            jwks_url=said["jwks_uri"], jwk_set=None, kid=kid, https_only=self._https_only
        )
        if not jwk:
            return _refused("id token", "unknown_key")
        now = self._clock.now_ms() // 1000
        claims = idtoken.claims(token, jwk, issuer=self._issuer, audience=self._us.id, nonce=nonce, now=now)
        if isinstance(claims, str):
            return _refused("id token", claims)
        return _address(await self._with_address(said, claims, str(answer.get("access_token", ""))))

    async def _with_address(
        self, said: OpenIDProviderMetadata, claims: IdClaims, access_token: str
    ) -> Mapping[str, Any]:
        """The claims, with those of the userinfo endpoint where the token itself names no address."""
        endpoint = said.get("userinfo_endpoint")
        if "email" in claims or not isinstance(endpoint, str) or not access_token.isascii():
            return claims
        found = await self._json("GET", endpoint, {"authorization": f"Bearer {access_token}"})
        same = isinstance(found, dict) and found.get("sub") == claims["sub"]
        return found if isinstance(found, dict) and same else claims

    async def _exchange(
        self, said: OpenIDProviderMetadata, code: str, verifier: str
    ) -> dict[str, Any] | NotVouched:
        body = prepare_token_request(
            "authorization_code", redirect_uri=f"{self._home()}{CALLBACK}", code=code, code_verifier=verifier
        )
        url, headers, sent = self._auth(said).prepare("POST", said["token_endpoint"], _FORM.copy(), body)
        found = await self._json("POST", url, headers, str(sent).encode())
        if isinstance(found, NotVouched):
            return found
        return _refused("token", found.get("error")) if "id_token" not in found else found

    def _auth(self, said: OpenIDProviderMetadata) -> ClientAuth:
        """By HTTP Basic unless the provider takes the secret in the form only (RFC 6749, 2.3.1)."""
        if self._us.secret is None:
            return ClientAuth(self._us.id, None, "none")
        taken = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in taken:
            return ClientAuth(quote_plus(self._us.id), quote_plus(self._us.secret), "client_secret_basic")
        return ClientAuth(self._us.id, self._us.secret, "client_secret_post")

    async def _metadata(self) -> OpenIDProviderMetadata | NotVouched:
        """What the provider says of itself, of an hour ago at most."""
        now = self._clock.now_ms()
        if self._said is not None and 0 <= now - self._said[0] < FRESH_MS:
            return self._said[1]
        found = await self._json("GET", get_well_known_url(self._issuer, external=True), {})
        if isinstance(found, NotVouched):
            return found
        fault = self._fault(found)
        if fault is not None:
            return _refused("discovery", fault)
        said = OpenIDProviderMetadata(found)
        self._said = (now, said)
        return said

    def _fault(self, found: Mapping[str, Any]) -> str | None:
        """What is wrong with a discovery document; its issuer must be the one that was asked, to the letter."""
        if found.get("issuer") != self._issuer:
            return "other_issuer"
        scheme = "https" if self._https_only else "http"
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str) or urlsplit(found[name]).scheme not in {"https", scheme}:
                return f"no_{name}"
        return None

    async def _json(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> dict[str, Any] | NotVouched:
        """The object that the provider answers, an error's too."""
        answer = await self._client.send(
            method, url, headers={"accept": "application/json", **headers}, body=body,
            timeout_seconds=TIMEOUT_SECONDS, https_only=self._https_only, most_bytes=MOST_BYTES,
        )  # fmt: skip
        found = _object(answer)
        if found is None:
            why = answer.reason if isinstance(answer, Unreached) else f"status {answer.status}"
            log.warning("provider.unreached", detail=why)
            return NotVouched("The identity provider does not answer as it should; the server's log has more.")
        return found


_FORM = {"content-type": "application/x-www-form-urlencoded"}


def _object(answer: Answer | Unreached) -> dict[str, Any] | None:
    if isinstance(answer, Unreached) or answer.status >= 500:
        return None
    try:
        found = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _address(claims: Mapping[str, Any]) -> Vouched | NotVouched:
    """The verified address among the claims."""
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        return NotVouched("The identity provider does not say what your e-mail address is.")
    if claims.get("email_verified") is not True:
        return NotVouched("The identity provider has not verified your e-mail address.")
    return Vouched(email)


def _refused(what: str, error: object) -> NotVouched:
    """A refusal, and its code where that is a plain word, as all of the protocol are."""
    word = error if isinstance(error, str) and error.isascii() and error.isidentifier() else "no reason"
    log.warning("provider.refused", what=what, error=word[:60])
    return NotVouched(f"The sign-in at the identity provider did not work ({what}: {word[:60]}).")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
