"""Key pairs of clients, made once: RSA keys are slow to make."""

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.util import int_to_base64

from waypost.tokens import assertion


@cache
def _rsa(name: str) -> dict[str, Any]:
    return {**assertion.new_key("RS384"), "kid": name}


@cache
def _ec(name: str) -> dict[str, Any]:
    return {**assertion.new_key("ES384"), "kid": name}


def rsa(name: str = "rsa") -> dict[str, Any]:
    """A private RSA key; the name is its kid."""
    return dict(_rsa(name))


def ec(name: str = "ec") -> dict[str, Any]:
    """A private P-384 key; the name is its kid."""
    return dict(_ec(name))


def weak_rsa() -> dict[str, Any]:
    """A public RSA key of 1024 bits."""
    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    return {"kty": "RSA", "kid": "weak", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e)}
