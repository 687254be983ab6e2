"""Reading a JSON body: declared in a route's signature, refused in words, shown in the OpenAPI document."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import Request
from pydantic import BaseModel

from waypost.errors import Fault, Invalid, TooLarge, Unavailable, UnsupportedMedia
from waypost.memory import Share

MOST_BYTES = 1_000_000
MOST_DEPTH = 64
_TOO_DEEP = f"The body has arrays and objects nested deeper than {MOST_DEPTH}."

_decode = msgspec.json.Decoder().decode


class JsonBody:
    """A dependency that gives the decoded body, `Depends(JsonBody(Model))`.

    The service checks the value against the model, with what it knows of the resource, so that every fault
    comes back at once. `openapi.py` asks for `model`, which may be a function that makes it then.
    Raises UnsupportedMedia, TooLarge, Invalid, Unavailable.
    """

    def __init__(self, model: type[BaseModel] | Callable[[], type[BaseModel]], *, required: bool = True) -> None:
        self._model = model
        self.required = required

    @property
    def model(self) -> type[BaseModel]:
        """The shape of the body."""
        return self._model if isinstance(self._model, type) else self._model()

    async def __call__(self, request: Request) -> Any:
        """The decoded JSON value; `{}` for an empty body that is not required."""
        async with read(request, MOST_BYTES) as data:
            if not data and not self.required:
                return {}
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json" and not media_type.endswith("+json"):
                raise UnsupportedMedia("Send JSON with Content-Type: application/json.")
            return decode(data)


def decode(data: bytes) -> Any:
    """The JSON value. Raises Invalid with code `malformed_json`."""
    try:
        found = _decode(data)
    except RecursionError:
        raise _malformed(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed("The body is not well-formed JSON in UTF-8.") from None
    if data.count(b"[") + data.count(b"{") > MOST_DEPTH and _is_deep(found):
        raise _malformed(_TOO_DEEP)
    return found


@asynccontextmanager
async def read(request: Request, most_bytes: int) -> AsyncIterator[bytes]:
    """The whole body, counted among all that are in memory until the block ends.

    Raises TooLarge as soon as it is known to be longer, Unavailable when there is no room for it now.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    hold = Share(request.app.state.bodies)
    try:
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise _too_large(most_bytes)
            if not hold.grow(len(chunk)):
                raise no_room()
            chunks.append(chunk)
        yield b"".join(chunks)
    finally:
        hold.drop()


def no_room() -> Unavailable:
    """What to raise when the bodies that are being read leave no room for more."""
    return Unavailable("Too many large bodies are being read at once; send this again.", code="too_many_bytes")


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"At most {most_bytes // 1_000_000} MB are taken here.")


def _malformed(detail: str) -> Invalid:
    return Invalid([Fault("", "malformed_json", detail)], code="malformed_json")


def _is_deep(value: Any) -> bool:
    """Whether arrays and objects are nested deeper than MOST_DEPTH; whoever writes JSON again has a limit too."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [child for each in level for child in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
