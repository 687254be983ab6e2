"""An app that shows codes, by an implementation of RFC 6238 that is not ours."""

import base64
import hashlib
import hmac
import struct

STEP_SECONDS = 30


def code(secret: str, now_ms: int) -> str:
    """What the app shows at that time; the secret is in base32."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", now_ms // 1000 // STEP_SECONDS), hashlib.sha1)
    place = mac[-1] & 15
    number = struct.unpack(">I", mac[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
