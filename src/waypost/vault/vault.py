"""AES-256-GCM for secrets and message bodies.

A blob is `0x01 | data key id (16) | nonce (12) | ciphertext and tag`. Its associated data names table, row
and version, so a blob moved to another place does not open. A data key belongs to one scope (an
environment, or `INSTALLATION`) and is replaced after a day or 2^30 uses.
"""

import os
import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waypost.clock import Clock
from waypost.db.database import Database, Tx, metadata
from waypost.ids import new_id
from waypost.vault.keyring import MISSING, KeyFileInvalid, Keyring, KeyUnavailable

INSTALLATION = "installation"
KEY_LIFE_MS = 24 * 3600 * 1000
MOST_USES = 2**30

data_key = sa.Table(
    "data_key",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("scope", sa.String(36), nullable=False),
    sa.Column("kek_id", sa.String(64), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index(None, "scope", "created_at"),
)


@dataclass(slots=True)
class _Current:
    id: bytes
    cipher: AESGCM
    created_at: int
    uses: int = 0


class Vault:
    """Seals and opens. `prepare` a scope before sealing in it; sealing itself touches no database.

    `reread` gives the key file as it is now, for keys that another node made since this one started.
    """

    def __init__(
        self, db: Database, keyring: Keyring, clock: Clock, *, reread: Callable[[], Keyring] | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._reread = reread
        self.keyring = keyring
        self._current: dict[str, _Current] = {}
        self._ciphers: dict[bytes, AESGCM] = {}

    async def prepare(self, scope: str) -> None:
        """Make sure that the scope has a data key to seal with. Free, but for once a day and scope."""
        current = self._current.get(scope)
        if current and current.uses < MOST_USES and self._clock.now_ms() - current.created_at < KEY_LIFE_MS:
            return
        key, key_id, now = secrets.token_bytes(32), new_id(), self._clock.now_ms()
        kek_id, wrapped = self.keyring.wrap(key, _context(key_id, scope))
        row = {"id": key_id, "scope": scope, "kek_id": kek_id, "wrapped": wrapped, "created_at": now}
        await self._db.write(lambda tx: tx.execute(data_key.insert().values(row)) and None)
        raw_id = uuid.UUID(key_id).bytes
        cipher = self._ciphers[raw_id] = AESGCM(key)
        self._current[scope] = _Current(raw_id, cipher, now)

    def seal(self, scope: str, data: bytes, *, table: str, row: str, version: int = 1) -> bytes:
        """The blob to keep; the scope was prepared before."""
        current = self._current[scope]
        current.uses += 1
        nonce = os.urandom(12)
        return b"\x01" + current.id + nonce + current.cipher.encrypt(nonce, data, _place(table, row, version))

    def open(self, tx: Tx, blob: bytes, *, table: str, row: str, version: int = 1) -> bytes:
        """The data again. Raises KeyUnavailable when its key is lost or the blob was tampered with."""
        cipher = self._ciphers.get(blob[1:17]) or self._load(tx, blob[1:17])
        try:
            return cipher.decrypt(blob[17:29], blob[29:], _place(table, row, version))
        except (InvalidTag, ValueError):  # ValueError: so short that the nonce is cut
            raise KeyUnavailable(f"A sealed value in {table} does not open: it was changed or moved.") from None

    def use(self, keyring: Keyring) -> None:
        """Wrap with this ring's current key from now on."""
        self.keyring = keyring

    def rewrap(self, tx: Tx) -> int:
        """Wrap every data key under the current key-encryption key; how many were wrapped anew.

        One whose own key is lost stays as it is: it harms nothing but what was sealed under it.
        """
        stale = tx.execute(sa.select(data_key).where(data_key.c.kek_id != self.keyring.current)).all()
        wrapped = 0
        for row in stale:
            context = _context(row.id, row.scope)
            try:
                key = self.keyring.unwrap(row.kek_id, row.wrapped, context)
            except KeyUnavailable:
                continue
            kek_id, blob = self.keyring.wrap(key, context)
            tx.execute(data_key.update().where(data_key.c.id == row.id).values(kek_id=kek_id, wrapped=blob))
            wrapped += 1
        return wrapped

    def lost(self, tx: Tx) -> dict[str, str]:
        """The data keys that the key-encryption keys do not open, by id, each with the reason in words."""
        found = {}
        for row in tx.execute(sa.select(data_key)).all():
            try:
                self.keyring.unwrap(row.kek_id, row.wrapped, _context(row.id, row.scope))
            except KeyUnavailable as error:
                found[row.id] = error.detail
        return found

    def newest_lost(self, tx: Tx) -> str | None:
        """The id of the key-encryption key of the newest data key, when the ring does not open that.

        Whoever seals with such a ring makes data keys that the nodes with the right one cannot open.
        """
        row = tx.execute(sa.select(data_key).order_by(data_key.c.created_at.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        try:
            self.keyring.unwrap(row.kek_id, row.wrapped, _context(row.id, row.scope))
        except KeyUnavailable:
            return str(row.kek_id)
        return None

    def _load(self, tx: Tx, raw_id: bytes) -> AESGCM:
        key_id = str(uuid.UUID(bytes=raw_id)) if len(raw_id) == 16 else ""
        row = tx.execute(sa.select(data_key).where(data_key.c.id == key_id)).one_or_none()
        if row is None:
            raise KeyUnavailable(f"{MISSING}of a value is lost: the store does not hold its data key.")
        key = self._ring_with(row.kek_id).unwrap(row.kek_id, row.wrapped, _context(row.id, row.scope))
        cipher = self._ciphers[raw_id] = AESGCM(key)
        return cipher

    def _ring_with(self, key_id: str) -> Keyring:
        """The ring, read anew where it lacks that key; keys that are in use are never dropped by that."""
        if key_id not in self.keyring.keys and self._reread is not None:
            with suppress(KeyFileInvalid):
                fresh = self._reread()
                self.keyring = Keyring(fresh.current, {**self.keyring.keys, **fresh.keys})
        return self.keyring


def _context(key_id: str, scope: str) -> bytes:
    return f"data_key:{key_id}:{scope}".encode()


def _place(table: str, row: str, version: int) -> bytes:
    return f"{table}:{row}:{version}".encode()
