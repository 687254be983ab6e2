"""Exchanging assertions and legacy secrets for access tokens, and finding out whom a token stands for.

Verified tokens are remembered for a minute and principals for a second, so that a busy client costs one read a
second; `forget` drops them when roles or keys change on this node.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from waypost import ids, jwks
from waypost.access import Principal, Source
from waypost.apikeys import store as apikeys
from waypost.clock import Clock, iso
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import Unauthenticated
from waypost.tokens import model, store
from waypost.tokens.keysets import KeySets
from waypost.tokens.model import (
    LEGACY_SECONDS,
    REFRESH_SECONDS,
    TOKEN_SECONDS,
    Issued,
    LegacyIssued,
    LegacyLogin,
    LegacyRefresh,
    Proof,
    Refusal,
    TokenClient,
    TokenKind,
)
from waypost.tokens.recent import Recent
from waypost.tokens.signing import Claims, Signer
from waypost.users import memberships
from waypost.users import store as users
from waypost.users.model import PublicKeys, on_loopback
from waypost.validation import checked
from waypost.vault.vault import Vault

VERIFIED_MS = 60_000
PRINCIPAL_MS = 1_000
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Remembered for a client that no longer is one."""


class Tokens:
    """Issues tokens and answers for them. `audiences` says what an assertion's `aud` may be."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        keysets: KeySets,
        *,
        audiences: Callable[[], frozenset[str]],
    ) -> None:
        self._db = db
        self._clock = clock
        self._keysets = keysets
        self._audiences = audiences
        self._signer = Signer(db, vault, clock)
        self._verified: Recent[str, Claims] = Recent(clock, most=MOST_REMEMBERED, life_ms=VERIFIED_MS)
        self._principals: Recent[tuple[TokenKind, str], Principal | _Nobody] = Recent(
            clock, most=MOST_REMEMBERED, life_ms=PRINCIPAL_MS
        )
        self._forgotten = 0

    def forget(self) -> None:
        """Read every principal anew from now on; what is being read at this moment is not kept either."""
        self._forgotten += 1
        self._principals.clear()

    async def authenticate(self, token: str) -> Principal:
        """Whom an access token stands for. Raises Unauthenticated."""
        claims = await self._claims(token)
        if claims is None or claims.expires_at * 1000 <= self._clock.now_ms():
            raise Unauthenticated("The access token is not valid, or no longer; /v2/auth/token gives another.")
        principal = self._principals.get((claims.kind, claims.client_id)) or await self._principal(claims)
        if isinstance(principal, _Nobody):
            raise Unauthenticated("The key that this access token was made for has been revoked.")
        return principal

    async def exchange(self, form: Mapping[str, str]) -> Issued:
        """A token for the form's assertion, which is spent by it. Raises Refusal."""
        assertion = model.read(model.assertion_of(form))
        client = await self._db.read(lambda tx: _client(tx, assertion.issuer))
        if client is None or not await self._is_theirs(client, assertion):
            raise model.unknown()
        proof = model.proof_of(assertion.claims, self._audiences(), self._clock.now_ms())
        await self._spend(client, proof)
        token = await self._issue(client.id, client.kind, client.environment_id, TOKEN_SECONDS)
        return Issued(token, client.kind.scope)

    async def log_in(self, raw: Any) -> LegacyIssued:
        """Tokens for a legacy key and its secret. Raises Invalid, Unauthenticated."""
        body = checked(LegacyLogin, raw)
        key = await self._db.read(lambda tx: apikeys.get_legacy(tx, body.apiKey))
        kept = key.secret_hash if key else ids.digest("")
        if not hmac.compare_digest(ids.digest(body.secret), kept) or key is None:
            raise Unauthenticated("The API key or its secret is wrong.")
        return await self._issue_legacy(key.key, key.environment_id, lambda tx, now: None)

    async def refresh(self, raw: Any) -> LegacyIssued:
        """New tokens for a refresh token, which is spent by it. Raises Invalid, Unauthenticated."""
        body = checked(LegacyRefresh, raw)
        key = await self._db.read(lambda tx: apikeys.get_legacy(tx, body.apiKey))
        refused = Unauthenticated("The API key or the refresh token is wrong, or was used before.")
        if key is None:
            raise refused

        def spend(tx: Tx, now: int) -> None:
            if not store.take_refresh(tx, ids.digest(body.refreshToken), key.key, now):
                raise refused

        return await self._issue_legacy(key.key, key.environment_id, spend)

    async def _claims(self, token: str) -> Claims | None:
        digest = ids.digest(token)
        claims = self._verified.get(digest)
        if claims is None:
            claims = await self._signer.verify(token)
            if claims is not None:
                self._verified.put(digest, claims)
        return claims

    async def _principal(self, claims: Claims) -> Principal | _Nobody:
        forgotten = self._forgotten
        found = await self._db.read(lambda tx: _principal(tx, claims)) or _Nobody()
        if forgotten == self._forgotten:
            self._principals.put((claims.kind, claims.client_id), found)
        return found

    async def _is_theirs(self, client: TokenClient, assertion: model.Unverified) -> bool:
        """Whether a registered key of the client signed the assertion."""
        if assertion.jku is not None and assertion.jku != client.keys.jwks_url:
            return False
        jwk = await self._keysets.key(
            jwks_url=client.keys.jwks_url, jwk_set=client.keys.jwk_set,
            kid=assertion.kid, https_only=client.https_only, egress=client.egress,
        )  # fmt: skip
        key = jwks.public_key(jwk, assertion.algorithm) if jwk else None
        return key is not None and model.signed_by(assertion, key)

    async def _spend(self, client: TokenClient, proof: Proof) -> None:
        now = self._clock.now_ms()

        def spend(tx: Tx) -> bool:
            fresh = store.spend(tx, client.id, ids.digest(proof.jti), proof.expires_at, now)
            if fresh and client.user_id is not None:
                users.seen(tx, client.user_id, now)
            return fresh

        try:
            fresh = await self._db.write(spend)
        except sa.exc.IntegrityError:
            fresh = False
        if not fresh:
            raise Refusal()

    async def _issue(self, client_id: str, kind: TokenKind, environment_id: str | None, seconds: int) -> str:
        now = self._clock.now_ms() // 1000
        return await self._signer.sign(Claims(client_id, kind, environment_id, now, now + seconds))

    async def _issue_legacy(self, key: str, environment_id: str, spend: Callable[[Tx, int], None]) -> LegacyIssued:
        """Tokens for a legacy key, in one transaction with what `spend` uses up."""
        now = self._clock.now_ms()
        refresh_token = ids.new_secret()

        def exchange(tx: Tx) -> None:
            spend(tx, now)
            expires_at = now + REFRESH_SECONDS * 1000
            store.insert_refresh(tx, ids.digest(refresh_token), key, expires_at, now)

        await self._db.write(exchange)
        token = await self._issue(key, TokenKind.legacy, environment_id, LEGACY_SECONDS)
        return LegacyIssued(token, iso((now // 1000 + LEGACY_SECONDS) * 1000), refresh_token)


def _client(tx: Tx, client_id: str) -> TokenClient | None:
    """Who may exchange assertions under that id: a user-level key, or an OAuth key of an environment."""
    mine = users.key(tx, client_id)
    if mine is not None:
        https_only = not (mine.keys.jwks_url and on_loopback(mine.keys.jwks_url))
        return TokenClient(client_id, TokenKind.user, mine.keys, https_only, user_id=mine.user_id)
    key = apikeys.get(tx, client_id)
    if key is None:
        return None
    keys = PublicKeys(key.jwks_url, key.jwk_set)
    environment = environments.get(tx, key.environment_id)
    return TokenClient(
        client_id,
        TokenKind.source,
        keys,
        not environment.is_development,
        environment_id=key.environment_id,
        egress=environment.egress,
    )


def _principal(tx: Tx, claims: Claims) -> Principal | None:
    if claims.kind is TokenKind.user:
        return memberships.principal(tx, claims.client_id)
    found = (apikeys.get if claims.kind is TokenKind.source else apikeys.get_legacy)(tx, claims.client_id)
    return None if found is None else Source(claims.client_id, found.environment_id)
