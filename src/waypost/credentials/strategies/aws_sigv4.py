"""`AwsSigv4`: signs any HTTPS request as AWS asks for it (Signature Version 4, headers form).

Written here, from "Create a signed AWS API request" (AWS IAM User Guide): botocore's signer would bring 32 MB
and four packages. Everything that Waypost sends is signed: method, URL, its own headers, and the body's hash.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from pydantic import Field
from yarl import URL

from waypost.credentials.strategies.fields import SecretText, Slug, Text
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Outgoing, Strategy

ALGORITHM = "AWS4-HMAC-SHA256"
ENCODED_ONCE = frozenset({"s3", "s3-object-lambda", "s3-outposts"})
"""Services that take the path as it is, encoded once, and want the body's hash in a header."""

_UNRESERVED = "-_.~"
_UNSIGNED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "expect",
        "transfer-encoding",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""Headers that change on the way, or that are made after the signature."""


class AwsSigv4(Fields):
    """AWS Signature Version 4."""

    accessKey: Text = Field(description="The access key id, such as `AKIA…`.")
    secretKey: SecretText = Field(description="The secret access key; never returned.", repr=False)
    serviceName: Slug = Field(description="The service's signing name, such as `execute-api` or `s3`.")
    awsRegion: Slug = Field(description="The region that is signed for, such as `us-east-1`.")
    sessionToken: SecretText | None = Field(
        None, description="The session token of temporary credentials; never returned.", repr=False
    )


async def authorize(fields: AwsSigv4, occasion: Occasion) -> Grant | NotAuthorized:
    """The headers that sign the occasion's request."""
    if occasion.request is None:
        return NotAuthorized("a signature is made for a request, and there is none")
    return Grant(signed(fields, occasion.request, occasion.now_ms))


STRATEGY = Strategy("AwsSigv4", AwsSigv4, authorize, each_time=True)


def signed(fields: AwsSigv4, request: Outgoing, now_ms: int) -> dict[str, str]:
    """The headers to add to a request so that AWS takes it for 5 (some services: 15) minutes from `now_ms`."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    once = fields.serviceName in ENCODED_ONCE
    url = URL(request.url, encoded=request.url.isascii())  # as `egress.client` writes it
    body_hash = hashlib.sha256(request.body).hexdigest()
    added = {"x-amz-date": moment}
    if once:
        added["x-amz-content-sha256"] = body_hash
    if fields.sessionToken is not None:
        added["x-amz-security-token"] = fields.sessionToken
    headers = _canonical_headers({**request.headers, **added, "host": url.host_port_subcomponent or ""})
    names = ";".join(headers)
    canonical = "\n".join(
        (
            request.method,
            canonical_path(url.raw_path, once=once),
            canonical_query(url.raw_query_string),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            names,
            body_hash,
        )
    )
    scope = f"{moment[:8]}/{fields.awsRegion}/{fields.serviceName}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(_key(fields.secretKey, scope), "\n".join((ALGORITHM, moment, scope, digest))).hex()
    credential = f"{ALGORITHM} Credential={fields.accessKey}/{scope}"
    return {**added, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}


def canonical_path(path: str, *, once: bool) -> str:
    """The path of the canonical request: encoded once as it is, or without dots and encoded twice.

    A slash that is encoded is part of a name, and stays so.
    """
    if once:
        return "/".join(quote(unquote_to_bytes(name), safe=_UNRESERVED) for name in path.split("/")) or "/"
    return quote(_without_dots(path), safe="/" + _UNRESERVED)


def canonical_query(query: str) -> str:
    """The query, every name and value encoded anew, in the order of the encoded names, then values."""
    parts = (part.partition("=") for part in query.split("&") if part)
    pairs = sorted((_encoded(name), _encoded(value)) for name, _, value in parts)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe=_UNRESERVED)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _canonical_headers(headers: Mapping[str, str]) -> dict[str, str]:
    lower = ((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return dict(sorted((name, value) for name, value in lower if name not in _UNSIGNED))


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
