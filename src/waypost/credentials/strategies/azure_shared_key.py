"""`AzureSharedKey` (ours): a storage account's key signs each request to Azure Blob Storage.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies.fields import SecretText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Outgoing, Strategy

FEWEST_BYTES, MOST_BYTES = 16, 256

_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def _account_key(value: str) -> str:
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        message = "An account key is base64, as the portal shows it (88 characters); paste all of it."
        raise PydanticCustomError("invalid_account_key", message)
    return value


class AzureSharedKey(Fields):
    """The key of a storage account (ours)."""

    accountKey: Annotated[SecretText, AfterValidator(_account_key)] = Field(
        description="One of the storage account's two keys, in base64; never returned.", repr=False
    )


async def authorize(fields: AzureSharedKey, occasion: Occasion) -> Grant | NotAuthorized:
    """The date and the signature of one request."""
    request = occasion.request
    if request is None or not request.account:
        return NotAuthorized("an account key signs requests to Azure Storage only")
    dated = {"x-ms-date": formatdate(occasion.now_ms / 1000, usegmt=True)}
    key = base64.b64decode(fields.accountKey)
    signature = hmac.new(key, to_sign(request, dated).encode(), hashlib.sha256).digest()
    return Grant({**dated, "authorization": f"SharedKey {request.account}:{base64.b64encode(signature).decode()}"})


STRATEGY = Strategy("AzureSharedKey", AzureSharedKey, authorize, each_time=True, ours=True)


def to_sign(request: Outgoing, more: Mapping[str, str]) -> str:
    """The text that is signed for a request with `more` headers."""
    headers = {name.lower(): value.strip() for name, value in {**request.headers, **more}.items()}
    headers["content-length"] = str(len(request.body)) if request.body else ""
    ours = [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
    lines = [request.method, *(headers.get(name, "") for name in _SIGNED), *ours, _resource(request)]
    return "\n".join(lines)


def _resource(request: Outgoing) -> str:
    """The account, the path as it is sent, and the query's parameters one a line."""
    parts = urlsplit(request.url)
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        values.setdefault(name.lower(), []).append(value)
    query = [f"\n{name}:{','.join(sorted(found))}" for name, found in sorted(values.items())]
    return f"/{request.account}{parts.path}{''.join(query)}"
