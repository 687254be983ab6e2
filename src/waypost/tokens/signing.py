"""Access tokens: JWTs under a random secret that lies sealed in the store, so they hold on every node.

A secret that can no longer be opened (its sealing key is lost) is replaced by a fresh one: whoever held a token
asks for another, and nobody is locked out.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.ids import is_uuid, new_id, random_id
from waypost.tokens import store
from waypost.tokens.model import TokenKind
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import INSTALLATION, Vault

ALGORITHM = "HS256"
MOST_TOKEN = 4096
TABLE = store.signing_secret.name


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says; times in seconds."""

    client_id: str
    kind: TokenKind
    environment_id: str | None
    issued_at: int
    expires_at: int


class Signer:
    """Makes and verifies access tokens."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._current: tuple[str, OctKey] | None = None
        self._keys: dict[str, OctKey] = {}

    async def sign(self, claims: Claims) -> str:
        """The token."""
        key_id, key = self._current or await self._load_current()
        payload: dict[str, Any] = {
            "sub": claims.client_id, "kind": claims.kind.value, "iat": claims.issued_at,
            "exp": claims.expires_at, "jti": random_id(),
        }  # fmt: skip
        if claims.environment_id is not None:
            payload["env"] = claims.environment_id
        return jwt.encode({"alg": ALGORITHM, "kid": key_id}, payload, key, algorithms=[ALGORITHM])

    async def verify(self, token: str) -> Claims | None:
        """What the token says; None when it is not one of ours. Whether it has expired is not asked here."""
        if len(token) > MOST_TOKEN or not token.isascii():
            return None
        try:
            key_id = jws.extract_compact(token.encode()).headers().get("kid")
            key = await self._key(key_id) if isinstance(key_id, str) else None
            return _claims(jwt.decode(token, key, algorithms=[ALGORITHM]).claims) if key else None
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            return None

    async def _key(self, key_id: str) -> OctKey | None:
        known = self._keys.get(key_id)
        if known is not None or not is_uuid(key_id):
            return known
        found = await self._db.read(lambda tx: self._find(tx, key_id))
        if found is not None:
            self._keys[key_id] = found
        return found

    async def _load_current(self) -> tuple[str, OctKey]:
        found = await self._db.read(self._newest)
        if found is None:
            await self._vault.prepare(INSTALLATION)
            found = await self._db.write(lambda tx: self._newest(tx) or self._make(tx))
        self._current = found
        self._keys[found[0]] = found[1]
        return found

    def _newest(self, tx: Tx) -> tuple[str, OctKey] | None:
        for sealed in store.secrets(tx):
            key = self._open(tx, sealed)
            if key is not None:
                return sealed.id, key
        return None

    def _make(self, tx: Tx) -> tuple[str, OctKey]:
        key_id, secret = new_id(), secrets.token_bytes(32)
        blob = self._vault.seal(INSTALLATION, secret, table=TABLE, row=key_id)
        store.insert_secret(tx, store.Sealed(key_id, blob), self._clock.now_ms())
        return key_id, OctKey.import_key(secret)

    def _find(self, tx: Tx, key_id: str) -> OctKey | None:
        sealed = store.secret(tx, key_id)
        return self._open(tx, sealed) if sealed else None

    def _open(self, tx: Tx, sealed: store.Sealed) -> OctKey | None:
        try:
            return OctKey.import_key(self._vault.open(tx, sealed.secret, table=TABLE, row=sealed.id))
        except KeyUnavailable:
            return None


def _claims(found: dict[str, Any]) -> Claims:
    return Claims(found["sub"], TokenKind(found["kind"]), found.get("env"), found["iat"], found["exp"])
