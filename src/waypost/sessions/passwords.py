"""Passwords: which are good enough, and how they are kept.

The rule is NIST SP 800-63B's: length, and nothing that everybody tries; no demands on digits or signs. They are
kept as Argon2id, which takes memory and time on purpose; so it runs in a few threads beside the event loop, for
which a queue of bounded length waits.
"""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from waypost.errors import Fault, Unavailable

T = TypeVar("T")

LEAST, MOST = 12, 256
THREADS = 2
MOST_WAITING = 24

SALT_BYTES, HASH_BYTES = 16, 32

_TRIED_FIRST = """
    000000000000 111111111111 112233445566 121212121212 123123123123 123321123321 12345678900987654321
    123456123456 123456789012 1234567890123 12345678901234 123456789012345 1234567890123456
    123456789abc 12345678qwer 1234567890qwertyuiop 1234567890qwe 1234qwerasdf 1q2w3e4r5t6y 1q2w3e4r5t6y7u
    1q2w3e4r5t6y7u8i 1qaz2wsx3edc 1qaz2wsx3edc4rfv 987654321000 999999999999 aaaaaaaaaaaa abc123abc123 abcabcabcabc
    abcd1234abcd abcdef123456 abcdefghijkl abcdefghijklm abcdefghijklmnopqrstuvwxyz adminadmin12 adminadminadmin
    administrator administrator1 asdasdasdasd asdfasdfasdf asdfghjkl123 asdfghjklqwe baseball1234 basketball12
    changeme1234 changemechangeme changemenow1 correcthorsebatterystaple default12345 dragondragon football1234
    footballfootball helloworld12 helloworld123 iloveyou1234 iloveyouiloveyou letmein12345 letmeinletmein
    liverpool123 manchester123 master123456 microsoft123 monkey123456 mypassword12 mypassword123 p@ssw0rd1234
    p@ssword1234 passw0rd1234 password!123 password0123 password1234 password12345 password123456 password1234567
    password2023 password2024 password2025 password2026 passwordpassword princess1234 qazwsxedcrfv qazwsxedcrfvtgb
    qwaszxqwaszx qwer1234asdf qwer1234qwer qwerasdfzxcv qwerqwerqwer qwerty123456 qwerty1234567 qwerty12345678
    qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiop1234567890 qwertyuiopasdf qwertyuiopasdfghjkl
    qwertyuiopasdfghjklzxcvbnm secretsecret starwars1234 summer202412 sunshine1234 superman1234 trustno1trustno1
    waypost12345 waypostwaypost welcome12345 welcome123456 welcomewelcome winter202412 zaq12wsxcde3 zxcvbnm12345
"""
COMMON = frozenset(_TRIED_FIRST.split())
"""What everybody tries, of those that are long enough; in lower case."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one derivation takes; the defaults are OWASP's least for Argon2id."""

    iterations: int = 2
    lanes: int = 1
    memory_kib: int = 19 * 1024

    @property
    def prefix(self) -> str:
        """How everything that was derived at this cost begins."""
        return f"$argon2id$v=19$m={self.memory_kib},t={self.iterations},p={self.lanes}$"


class Passwords:
    """Derives and verifies. `close` it when nobody asks any more; safe to call twice."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="waypost-password")
        self._waiting = 0
        self._nobodys = f"{cost.prefix}{_base64(os.urandom(SALT_BYTES))}${_base64(os.urandom(HASH_BYTES))}"

    async def derive(self, password: str) -> str:
        """What to keep of a password. Raises Unavailable when too many wait already."""
        return await self._run(lambda: self._derive(_written(password)))

    async def verify(self, password: str, kept: str | None) -> bool:
        """Whether that is the password; it takes as long where none is kept. Raises Unavailable likewise."""
        right = await self._run(lambda: _verifies(_written(password), kept or self._nobodys))
        return right and kept is not None

    def is_dated(self, kept: str) -> bool:
        """Whether it was derived at another cost than today's."""
        return not kept.startswith(self._cost.prefix)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _derive(self, password: bytes) -> str:
        cost = self._cost
        return Argon2id(
            salt=os.urandom(SALT_BYTES), length=HASH_BYTES,
            iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib,
        ).derive_phc_encoded(password)  # fmt: skip

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many people sign in at this moment; try again.", code="too_many_sign_ins")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def faults_of(password: str, email: str) -> list[Fault]:
    """What is wrong with a new password of the user with that address."""
    written = unicodedata.normalize("NFKC", password)
    if len(written) < LEAST:
        detail = f"A password has at least {LEAST} characters; a few words in a row make a good one."
        return [Fault("/password", "too_short", detail)]
    if max(len(written), len(password)) > MOST:
        return [Fault("/password", "too_long", f"A password has at most {MOST} characters.")]
    if written.casefold() == email.casefold():
        return [Fault("/password", "is_the_email", "The e-mail address is no password.")]
    if written.casefold() in COMMON or len(set(written.casefold())) == 1:
        return [Fault("/password", "too_common", "This is one of the passwords that everybody tries first.")]
    return []


def _written(password: str) -> bytes:
    """The bytes of a password, however the keyboard composes its letters; cut where none is that long."""
    return unicodedata.normalize("NFKC", password[: 4 * MOST]).encode(errors="surrogatepass")


def _verifies(password: bytes, kept: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password, kept)
    except InvalidKey:
        return False
    return True


def _base64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()
