"""Webhook signatures by Standard Webhooks (standardwebhooks.com): HMAC-SHA256 under a `whsec_` secret. Pure.

What is signed is `<id>.<timestamp>.<body>`, so that a receiver can tell who sent these very bytes, and when. While
a secret is being replaced the old and the new one both sign, and a receiver takes whichever it knows.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

PREFIX = "whsec_"
_KEY_BYTES = 32
"""The specification asks for 24 to 64."""


def new_secret() -> str:
    """A fresh secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def headers(message_id: str, now_ms: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The three headers for a request with exactly this body, one signature for each key in their order.

    `message_id` stays the same when the request is sent again; it has no dot. Without keys there are no headers.
    Raises ValueError for a key that is not base64 behind `whsec_`.
    """
    if not keys:
        return {}
    timestamp = str(now_ms // 1000)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        ID: message_id,
        TIMESTAMP: timestamp,
        SIGNATURE: " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()
