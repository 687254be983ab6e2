"""Identifiers made by the application, so that no store needs a serial column.

Ids never order anything (invariant 1 in `ARCHITECTURE.md`); UUIDv7 only keeps index pages warm.
"""

import hashlib
import os
import secrets
import time
import uuid
from collections import deque

_RANDOM_BYTES = 10
_AHEAD = 256


class _Random:
    """Random bytes for so many ids ahead: each call of the system may hand Python's lock to another thread."""

    def __init__(self) -> None:
        self._process = 0
        self._ready: deque[bytes] = deque()

    def take(self) -> bytes:
        """Bytes that nobody else has: not another thread, nor the process that this one was forked from."""
        if self._process != os.getpid():
            self._ready = deque()
            self._process = os.getpid()
        try:
            return self._ready.pop()
        except IndexError:
            drawn = os.urandom(_RANDOM_BYTES * _AHEAD)
            parts = [drawn[at : at + _RANDOM_BYTES] for at in range(0, len(drawn), _RANDOM_BYTES)]
            self._ready.extend(parts[1:])
            return parts[0]


_random = _Random()


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562) as text."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(_random.take())
    value = value & ~(0xF000 << 64) | 0x7000 << 64
    value = value & ~(0xC000 << 48) | 0x8000 << 48
    text = f"{value:032x}"  # by hand, a third of what `uuid.UUID` takes: three of these are made for a message
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def random_id() -> str:
    """A fresh UUID without a time in it (version 4), for what others are shown: client ids, `jti`."""
    return str(uuid.uuid4())


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual form, 36 characters with hyphens."""
    if len(text) != 36:
        return False
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a random secret that only has to be recognised: its SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
