"""Reading a JSON body: declared in a route's signature, refused in words, shown in the OpenAPI document."""

from typing import Any

import msgspec
from fastapi import Request
from pydantic import BaseModel

from waypost.errors import Fault, Invalid, TooLarge, UnsupportedMedia

MOST_BYTES = 1_000_000

_decode = msgspec.json.Decoder().decode


class JsonBody:
    """A dependency that gives the decoded body, `Depends(JsonBody(Model))`.

    The service checks the value against the model, with what it knows of the resource, so that every fault
    comes back at once. `openapi.py` reads `model` off the route. Raises UnsupportedMedia, TooLarge, Invalid.
    """

    def __init__(self, model: type[BaseModel], *, required: bool = True) -> None:
        self.model = model
        self.required = required

    async def __call__(self, request: Request) -> Any:
        """The decoded JSON value; `{}` for an empty body that is not required."""
        data = await read(request, MOST_BYTES)
        if not data and not self.required:
            return {}
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMedia("Send JSON with Content-Type: application/json.")
        return decode(data)


def decode(data: bytes) -> Any:
    """The JSON value. Raises Invalid with code `malformed_json`."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault = Fault("", "malformed_json", "The body is not well-formed JSON in UTF-8.")
        raise Invalid([fault], code="malformed_json") from None


async def read(request: Request, most_bytes: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be longer."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise _too_large(most_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"At most {most_bytes // 1_000_000} MB are taken here.")
