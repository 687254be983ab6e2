"""The vendor's envelope: `{"meta": {"version": "1.0.0"}, "payload": {…}}`."""

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec
from starlette.responses import Response

from waypost.validation import Shown
from waypost.web.routes.problems import META

P = TypeVar("P")

_encode = msgspec.json.Encoder().encode


class Meta(Shown):
    """Version of the payload's format."""

    version: str = "1.0.0"


class Envelope(Shown, Generic[P]):
    """The shape of every successful answer, for the OpenAPI document."""

    meta: Meta
    payload: P


class EnvironmentShown(Shown):
    """The environment that a resource is in."""

    id: str
    environmentFlag: Literal["Production", "Staging", "Development"]


class Message(Shown):
    """What a deletion answers."""

    message: str


class Success(Shown):
    """What a change of a role answers."""

    success: bool


def answer(
    payload: Mapping[str, Any] | msgspec.Raw,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """A successful answer; `meta` adds to the envelope's own (paging, say). Raw JSON goes out as it is."""
    body = _encode({"meta": {**META, **(meta or {})}, "payload": payload})
    return Response(body, status, headers, "application/json")
