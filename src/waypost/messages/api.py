"""`POST /endpoint`: a plain route, outside FastAPI's machinery, because every message passes here.

Refusals have the vendor's shape, `Meta.Errors[]`, whatever went wrong.
"""

from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from waypost import errors
from waypost.access import Source
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import Unroutable
from waypost.messages.service import Intake
from waypost.metrics import Metrics
from waypost.web import body, callers, problems

MOST_BYTES = 10_000_000
MOST_KEY_CHARACTERS = 255
MEDIA_TYPE = "application/json"

_encode = msgspec.json.Encoder().encode
log = structlog.get_logger("waypost.messages")


def routes(intake: Intake, metrics: Metrics) -> list[Route]:
    """The message path."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _accepted(request, intake)
        except errors.WaypostError as error:
            if isinstance(error, errors.Forbidden):
                await request.app.state.refused(request, error)
            metrics.refused(problems.status_of(error))
            return _refusal(error)
        except (MessageInvalid, Unroutable) as error:
            metrics.refused(400)
            module = error.module if isinstance(error, Unroutable) else "Validation"
            return _errors(400, str(error), module, {})

    return [Route("/endpoint", endpoint, methods=["POST"])]


def described() -> dict[str, Any]:
    """The route for the OpenAPI document, by hand: a plain route has no types to draw it from."""
    refused = {
        400: "Not a message, or a destination without a subscription",
        401: "No valid token",
        403: "The token is not that of an API key for sources",
        409: "The Idempotency-Key was used for another message",
        413: "Longer than 10 MB",
        415: "Not JSON",
        429: "Too many requests",
        503: "The store is away; Retry-After says when to come back",
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
    return {"/endpoint": {"post": operation}}


async def _accepted(request: Request, intake: Intake) -> Response:
    caller = await callers.source(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise errors.UnsupportedMedia("Send the message with Content-Type: application/json.")
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MOST_KEY_CHARACTERS:
        raise MessageInvalid(f"Idempotency-Key takes 1 to {MOST_KEY_CHARACTERS} characters.")
    data = await body.read(request, MOST_BYTES)
    sender = caller.principal
    assert isinstance(sender, Source)  # noqa: S101 - what `callers.source` gives
    own = None if key is None else f"{sender.client_id}:{key}"  # one sender's keys are nothing to another
    meta = await intake.accept(sender.environment_id, data, key=own)
    return Response(_encode({"Meta": meta}), media_type=MEDIA_TYPE)


def _refusal(error: errors.WaypostError) -> Response:
    status = problems.status_of(error)
    module = "Authentication" if status in {401, 403} else "Endpoint"
    return _errors(status, error.detail, module, problems.headers_of(error))


def _errors(status: int, text: str, module: str, headers: dict[str, str]) -> Response:
    fault = {"ID": status, "Text": text, "Type": "message", "Module": module}
    return Response(_encode({"Meta": {"Errors": [fault]}}), status, headers, MEDIA_TYPE)
