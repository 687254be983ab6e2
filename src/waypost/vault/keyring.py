"""The key file: key-encryption keys by id, one of them current. Old ones stay, so nothing is locked out."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from waypost.errors import Unavailable

MISSING = "The sealing key "
"""How the words of every lost key begin: what is held for want of one is found by them."""


class KeyFileInvalid(Exception):
    """The key file is missing or is not one of ours."""


class KeyUnavailable(Unavailable):
    """A secret or a body was sealed under a key that the key file does not hold."""

    code = "key_unavailable"


@dataclass(frozen=True)
class Keyring:
    """Key-encryption keys: 256-bit, by id."""

    current: str
    keys: dict[str, bytes]

    def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        """The current key's id and the data key sealed under it."""
        nonce = os.urandom(12)
        return self.current, nonce + AESGCM(self.keys[self.current]).encrypt(nonce, data_key, context)

    def unwrap(self, key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """The data key again. Raises KeyUnavailable."""
        key = self.keys.get(key_id)
        if key is None:
            raise KeyUnavailable(f"{MISSING}{key_id} is not in the key file.")
        try:
            return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], context)
        except InvalidTag:
            raise KeyUnavailable(
                f"{MISSING}{key_id} of the key file does not open what was sealed under it."
            ) from None

    def with_new_current(self) -> "Keyring":
        """This ring with a fresh current key."""
        fresh = _fresh_id()
        return Keyring(fresh, {**self.keys, fresh: secrets.token_bytes(32)})


def _fresh_id() -> str:
    return f"kek-{secrets.token_hex(6)}"


def create(path: Path) -> Keyring:
    """Write a new key file (0600) with one fresh key; refuses to overwrite with FileExistsError."""
    first = _fresh_id()
    ring = Keyring(first, {first: secrets.token_bytes(32)})
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(_dump(ring))
        os.fsync(file.fileno())
    return ring


def save(path: Path, ring: Keyring) -> None:
    """Replace the key file in one step."""
    part = path.with_name(path.name + ".new")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(_dump(ring))
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> Keyring:
    """Read the key file. Raises KeyFileInvalid."""
    try:
        found = json.loads(path.read_bytes())
        keys = {name: base64.b64decode(text, validate=True) for name, text in found["keys"].items()}
        current = found["current"]
        if any(len(key) != 32 for key in keys.values()) or current not in keys:
            raise ValueError
    except FileNotFoundError:
        raise KeyFileInvalid(f"There is no key file at {path}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileInvalid(f"{path} is not a Waypost key file.") from None
    return Keyring(current, keys)


def _dump(ring: Keyring) -> bytes:
    keys = {name: base64.b64encode(key).decode() for name, key in ring.keys.items()}
    return json.dumps({"current": ring.current, "keys": keys}, indent=1).encode() + b"\n"
