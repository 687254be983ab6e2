"""Private keys that a credential proves itself with: read, made, shown by their public half, and used to sign.

PEM (PKCS #8, PKCS #1 or SEC 1, without a password) and JWK are taken; Waypost's own are PKCS #8. Reading is quick
and trusts what was once found sound: `is_sound` looks into an RSA key's numbers, which takes 0.1 s and more.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int
from pydantic import AfterValidator, Field, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.fields import PrivateKey, Secret
from waypost.errors import Fault
from waypost.ids import random_id

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384"]
Raw = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

FIELD = "privateKey"
"""The field of a strategy that is `keyed`, beside `algorithm`."""
RSA_BITS = 2048
MOST_RSA_BITS = 4096
MOST_KID = 255
LONGEST = 16384
ASSERTION_SECONDS = 300
"""How long an assertion holds: five minutes is the most that SMART App Launch lets it."""
UNUSABLE = "This is no key that can be used: PEM without a password, or a JWK; RSA of 2048 to 4096 bits, or EC."

_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
_JWK_CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")


def _readable(value: str) -> str:
    try:
        read(value)
    except ValueError:
        raise PydanticCustomError("unusable_key", UNUSABLE) from None
    return value.strip()


PrivateKeyText = Annotated[
    str,
    Secret(),
    PrivateKey(),
    StringConstraints(min_length=1, max_length=LONGEST),
    AfterValidator(_readable),
    Field(json_schema_extra={"writeOnly": True}),
]
"""A private key, PEM or JWK. Declare the field with `repr=False`."""


def read(text: str) -> Raw:
    """The key of a PEM or JWK text. Raises ValueError without a word of it."""
    try:
        key = _of_jwk(_jwk(text)) if _is_jwk(text) else _of_pem(text.encode(), trusted=True)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, UnsupportedAlgorithm):
        raise ValueError("not a private key") from None
    if isinstance(key, rsa.RSAPrivateKey) and not RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        raise ValueError("an RSA key of another size")
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in {c.name for c in _CURVES.values()}:
        raise ValueError("a curve that no algorithm here takes")
    return key


def is_readable(text: str) -> bool:
    """Whether `read` takes the text, at the length that a field may have."""
    try:
        return len(text) <= LONGEST and read(text) is not None
    except ValueError:
        return False


def is_sound(text: str) -> bool:
    """Whether the numbers of a readable key belong together. Up to a second of CPU: call it in a thread."""
    try:
        pem = read(text).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _of_pem(pem, trusted=False) is not None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def make(algorithm: str) -> str:
    """A fresh private key for that algorithm, as PEM. RSA takes a tenth of a second of CPU and more."""
    curve = _CURVES.get(algorithm)
    key: Raw = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def algorithm_of(declared: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> str:
    """What a keyed strategy's values say of the algorithm; its default when they do not."""
    found = values.get("algorithm")
    return found if isinstance(found, str) else str(declared["algorithm"].default)


def fits(text: str, algorithm: str) -> bool:
    """Whether the key signs by that algorithm."""
    key, curve = read(text), _CURVES.get(algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        return curve is None
    return curve is not None and key.curve.name == curve.name


def public_jwk(text: str, algorithm: str) -> dict[str, Any]:
    """The public half for a JWKS; its id is the JWK's own, or else the thumbprint (RFC 7638)."""
    key = _jose(read(text))
    known = key.as_dict(private=False)
    return {
        **{name: known[name] for name in _PUBLIC if name in known},
        "kid": _kid(text, key), "alg": algorithm, "use": "sig",
    }  # fmt: skip


def assertion(
    text: str,
    algorithm: str,
    claims: Mapping[str, Any],
    *,
    now_ms: int,
    header: Mapping[str, str | None] | None = None,
) -> str:
    """A signed JWT that holds for five minutes from `now_ms`, with a `jti` of its own; None is left out."""
    now, key = now_ms // 1000, _jose(read(text))
    given = {**claims, "iat": now, "exp": now + ASSERTION_SECONDS, "jti": random_id()}
    full = {"alg": algorithm, "typ": "JWT", "kid": _kid(text, key), **(header or {})}
    return jwt.encode(
        {name: value for name, value in full.items() if value is not None},
        {name: value for name, value in given.items() if value is not None},
        key,
        algorithms=[algorithm],
    )


def _jose(key: Raw) -> RSAKey | ECKey:
    return RSAKey(key, None) if isinstance(key, rsa.RSAPrivateKey) else ECKey(key, None)


def _kid(text: str, key: RSAKey | ECKey) -> str:
    own = _jwk(text).get("kid") if _is_jwk(text) else None
    return own if isinstance(own, str) and 0 < len(own) <= MOST_KID else key.thumbprint()


def _is_jwk(text: str) -> bool:
    return text.lstrip().startswith("{")


def _jwk(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _of_jwk(jwk: Mapping[str, Any]) -> Raw:
    numbers = {name: base64_to_int(jwk[name]) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y")
               if name in jwk}  # fmt: skip
    if jwk["kty"] == "EC":
        point = ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], _JWK_CURVES[jwk["crv"]])
        return ec.EllipticCurvePrivateNumbers(numbers["d"], point).private_key()
    if jwk["kty"] != "RSA" or numbers["n"].bit_length() > MOST_RSA_BITS:
        raise ValueError("a key of another kind")
    public = rsa.RSAPublicNumbers(numbers["e"], numbers["n"])
    parts = {"dmp1": "dp", "dmq1": "dq", "iqmp": "qi", "p": "p", "q": "q", "d": "d"}
    private = rsa.RSAPrivateNumbers(**{ours: numbers[name] for ours, name in parts.items()}, public_numbers=public)
    return private.private_key(unsafe_skip_rsa_key_validation=True)


def _of_pem(pem: bytes, *, trusted: bool) -> Raw:
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=trusted)
    if not isinstance(key, Raw):
        raise ValueError("a key of another kind")
    return key


def faults(text: str | None, algorithm: str) -> list[Fault]:
    """A fault when the field `privateKey` cannot sign by the field `algorithm`."""
    if text is None or fits(text, algorithm):
        return []
    detail = f"This key does not sign by {algorithm}; send one that does, or null to have Waypost make one."
    return [Fault(f"/{FIELD}", "unusable_key", detail)]
