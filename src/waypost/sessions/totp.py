"""Codes of the second factor: six digits from an app (RFC 6238), and recovery codes for when it is lost. Pure."""

import base64
import os
import re
from dataclasses import dataclass, field

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

ISSUER = "Waypost"
DIGITS = 6
STEP_SECONDS = 30
DRIFT = 1
"""A phone's clock may be so many steps off."""
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_BYTES = 10

_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret on its way into an app: as letters to type, and as what a QR picture says."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)

    @property
    def picture(self) -> str:
        """The QR picture as SVG, as large as the page's style says (`qr`; `qr-ink` is what is dark in it)."""
        made = segno.make(self.uri, error="m", micro=False)
        return made.svg_inline(
            border=4, omitsize=True, svgclass="qr", lineclass="qr-ink", title="QR code for the app"
        )


def new_secret() -> bytes:
    """A fresh secret, as long as RFC 4226 recommends."""
    return os.urandom(SECRET_BYTES)


def enrolment(secret: bytes, email: str) -> Enrolment:
    """How the secret is brought into an app."""
    shown = base64.b32encode(secret).decode()
    return Enrolment(shown, _totp(secret).get_provisioning_uri(email, ISSUER))


def step_of(secret: bytes, code: str, now_ms: int, last_step: int) -> int | None:
    """The time step that the code is of; None for a wrong one, and for steps up to the last one used."""
    given = without_spaces(code)
    if not _CODE.fullmatch(given):
        return None
    current = now_ms // 1000 // STEP_SECONDS
    steps = range(current - DRIFT, current + DRIFT + 1)
    found = [step for step in steps if _is_right(secret, given, step)]
    return next((step for step in found if step > last_step), None)


def recovery_codes() -> list[str]:
    """Fresh recovery codes, 80 random bits each, in groups of four."""
    codes = (base64.b32encode(os.urandom(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(code[place : place + 4] for place in range(0, len(code), 4)) for code in codes]


def without_spaces(code: str) -> str:
    """A code as it is compared: however somebody has grouped it, or written it."""
    return re.sub(r"[\s-]", "", code[:100]).lower()


def _is_right(secret: bytes, code: str, step: int) -> bool:
    try:
        _totp(secret).verify(code.encode(), step * STEP_SECONDS)
    except InvalidToken:
        return False
    return True


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what every app does; as a MAC it is sound.
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303
