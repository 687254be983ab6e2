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
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class _Making:
    """What ids are put together from: the text of this millisecond, and random ends for so many ids ahead.

    Each call of the system for random bytes may hand Python's lock to another thread; and three ids are made for
    a message.
    """

    def __init__(self) -> None:
        self._process = 0
        self._ends: deque[str] = deque()
        self._begins = (-1, "")

    def head(self) -> str:
        """The first part of an id: the time in ms, as text."""
        now_ms = time.time_ns() // 1_000_000
        begins = self._begins
        if begins[0] != now_ms:
            text = f"{now_ms:012x}"
            begins = self._begins = now_ms, f"{text[:8]}-{text[8:]}"
        return begins[1]

    def tail(self) -> str:
        """Random bits that nobody else has: not another thread, nor the process that this one was forked from."""
        if self._process != os.getpid():
            self._ends = deque()
            self._process = os.getpid()
        try:
            return self._ends.pop()
        except IndexError:
            drawn = os.urandom(_RANDOM_BYTES * _AHEAD).hex()
            ends = [_end(drawn[at : at + 20]) for at in range(0, len(drawn), 20)]
            self._ends.extend(ends[1:])
            return ends[0]


def _end(digits: str) -> str:
    return f"7{digits[:3]}-{_VARIANT[digits[3]]}{digits[4:7]}-{digits[7:19]}"


_making = _Making()


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562) as text."""
    return f"{_making.head()}-{_making.tail()}"


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
