"""Canaries: values that must turn up nowhere, and the search for them in every spelling that a leak may have."""

import base64
import secrets
from collections.abc import Mapping
from urllib.parse import quote


def canary(name: str) -> str:
    """A fresh secret that says which one it is; letters, digits and characters that URLs and JSON write anew."""
    return f"canary-{name}-{secrets.token_hex(12)}+/=~"


def spellings(value: str) -> set[bytes]:
    """The value as it is, percent-encoded, in hex, and as it looks inside base64 at each of its three places."""
    raw = value.encode()
    found = {raw, quote(value).encode(), quote(value, safe="").encode(), raw.hex().encode()}
    for shift in range(3):
        inside = base64.b64encode(b"\x00" * shift + raw).rstrip(b"=")[4 if shift else 0 : -3]
        found |= {inside, inside.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def leaks(planted: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """Which canary sits in which place."""
    return [
        f"{name} in {place}"
        for name, value in planted.items()
        for place, data in places.items()
        if any(spelling in data for spelling in spellings(value))
    ]
