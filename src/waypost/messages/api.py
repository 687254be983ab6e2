"""`POST /endpoint` and `POST /waypost/v1/messages`: plain routes, because every message passes here.

Refusals of a message have the vendor's shape, `Meta.Errors[]`, whatever went wrong. Refusals of a whole batch
are problem documents, like all that is ours.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from waypost import errors
from waypost.access import Source
from waypost.errors import Fault, Invalid, TooLarge
from waypost.messages import batch, refusal
from waypost.messages.batch import Batch
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import NotAccepted, Unroutable
from waypost.messages.service import Intake
from waypost.metrics import Metrics
from waypost.web.document.openapi import problems_of
from waypost.web.routes import body, callers, problems
from waypost.web.routes.streaming import Streamed

MOST_BYTES = 10_000_000
MOST_KEY_CHARACTERS = 255
MEDIA_TYPE = "application/json"
LINES_TYPE = "application/x-ndjson"
KEY_WORDS = f"Idempotency-Key takes 1 to {MOST_KEY_CHARACTERS} characters."

_encode = msgspec.json.Encoder().encode


def routes(intake: Intake, metrics: Metrics) -> list[Route]:
    """The message path."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _accepted(request, intake)
        except (errors.WaypostError, MessageInvalid, Unroutable) as error:
            if isinstance(error, errors.Forbidden):
                await request.app.state.refused(request, error)
            metrics.refused(refusal.status_of(error))
            return _refusal(error)

    async def messages(request: Request) -> Response:
        sender = await _sender(request)
        _require_type(request, LINES_TYPE, "Send the messages")
        key = request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= MOST_KEY_CHARACTERS:
            raise Invalid([Fault("", "invalid_idempotency_key", KEY_WORDS)])
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > batch.MOST_BYTES:
            raise TooLarge(f"At most {batch.MOST_BYTES // 1_000_000} MB are taken here.")
        intake.require_room()
        intake.meter.require(sender.environment_id)
        made = Batch(intake, metrics, request.app.state.bodies, sender.environment_id, _own(sender, key))
        return Streamed(made.results(request.stream()), LINES_TYPE)

    return [
        Route("/endpoint", endpoint, methods=["POST"]),
        Route("/endpoint", _OnlyPost(metrics)),
        Route("/waypost/v1/messages", messages, methods=["POST"]),
    ]


class _OnlyPost:
    """Answers every other method. An application, not a function: a route for one takes any method."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        self._metrics.refused(405)
        fault = refusal.error_of(405, "This address takes POST.", "Endpoint")
        answer = Response(_encode({"Meta": fault}), 405, {"Allow": "POST"}, MEDIA_TYPE)
        await answer(scope, receive, send)


def described() -> dict[str, Any]:
    """The route for the OpenAPI document, by hand: a plain route has no types to draw it from."""
    refused = {
        400: "Not a message, or a destination without a subscription",
        401: "No valid token",
        403: "The token is not that of an API key for sources",
        409: "The Idempotency-Key was used for another message",
        413: "Longer than 10 MB",
        415: "Not JSON",
        429: "Too many requests, or the environment is at its quota; see Retry-After",
        503: "The store is away, the disk almost full, or too much is being read at once; see Retry-After",
    }
    reply = {"content": {MEDIA_TYPE: {"schema": {"type": "object", "required": ["Meta"]}}}}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": MOST_KEY_CHARACTERS},
    }
    message = {
        "type": "object",
        "required": ["Meta"],
        "properties": {"Meta": {"type": "object", "required": ["DataModel", "EventType", "Destinations"]}},
    }
    operation = {
        "tags": ["Messages"],
        "operationId": "sendMessage",
        "summary": "Send a message of the Redox data model",
        "parameters": [key | {"description": "The same answer for the same key within 24 h (ours)."}],
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": message}}},
        "responses": {"200": reply | {"description": "Durable; one log id for each destination"}}
        | {str(status): reply | {"description": words} for status, words in refused.items()},
    }
    return {"/endpoint": {"post": operation}, "/waypost/v1/messages": {"post": _described_batch(key)}}


def _described_batch(key: dict[str, Any]) -> dict[str, Any]:
    lines = {"content": {LINES_TYPE: {"schema": {"type": "string"}}}}
    words = "One message a line; a line's key is made of this and its number."
    return {
        "tags": ["Messages"],
        "operationId": "sendMessages",
        "summary": "Send many messages, one a line",
        "parameters": [key | {"description": words}],
        "requestBody": {"required": True, **lines},
        "responses": {
            "200": lines
            | {"description": "One result a line, in order: `line`, `status` and `Meta` as of `/endpoint`"},
            **{
                str(status): response
                for status, response in problems_of(400, 401, 403, 413, 415, 429, 503).items()
            },
        },
    }


async def _accepted(request: Request, intake: Intake) -> Response:
    sender = await _sender(request)
    _require_type(request, MEDIA_TYPE, "Send the message")
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MOST_KEY_CHARACTERS:
        raise MessageInvalid(KEY_WORDS)
    async with body.read(request, MOST_BYTES) as data:
        meta = await intake.accept(sender.environment_id, data, key=_own(sender, key))
    return Response(_encode({"Meta": meta}), media_type=MEDIA_TYPE)


async def _sender(request: Request) -> Source:
    """The API key that calls."""
    caller = await callers.source(request)
    assert isinstance(caller.principal, Source)  # noqa: S101 - what `callers.source` gives
    return caller.principal


def _own(sender: Source, key: str | None) -> str | None:
    """A sender's idempotency key; those of one sender are nothing to another."""
    return None if key is None else f"{sender.client_id}:{key}"


def _require_type(request: Request, wanted: str, words: str) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != wanted:
        raise errors.UnsupportedMedia(f"{words} with Content-Type: {wanted}.")


def _refusal(error: NotAccepted) -> Response:
    headers = problems.headers_of(error) if isinstance(error, errors.WaypostError) else {}
    return Response(_encode({"Meta": refusal.meta(error)}), refusal.status_of(error), headers, MEDIA_TYPE)
