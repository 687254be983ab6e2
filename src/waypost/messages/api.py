"""`POST /endpoint`: a plain route, outside FastAPI's machinery, because every message passes here.

Refusals have the vendor's shape, `Meta.Errors[]`, whatever went wrong.
"""

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
            metrics.refused(problems.status_of(error))
            return _refusal(error)
        except (MessageInvalid, Unroutable) as error:
            metrics.refused(400)
            module = error.module if isinstance(error, Unroutable) else "Validation"
            return _errors(400, str(error), module, {})

    return [Route("/endpoint", endpoint, methods=["POST"])]


async def _accepted(request: Request, intake: Intake) -> Response:
    caller = await callers.source(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise errors.UnsupportedMedia("Send the message with Content-Type: application/json.")
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MOST_KEY_CHARACTERS:
        raise MessageInvalid(f"Idempotency-Key takes 1 to {MOST_KEY_CHARACTERS} characters.")
    data = await body.read(request, MOST_BYTES)
    assert isinstance(caller.principal, Source)  # noqa: S101 - what `callers.source` gives
    meta = await intake.accept(caller.principal.environment_id, data, key=key)
    return Response(_encode({"Meta": meta}), media_type=MEDIA_TYPE)


def _refusal(error: errors.WaypostError) -> Response:
    status = problems.status_of(error)
    module = "Authentication" if status in {401, 403} else "Endpoint"
    return _errors(status, error.detail, module, problems.headers_of(error))


def _errors(status: int, text: str, module: str, headers: dict[str, str]) -> Response:
    fault = {"ID": status, "Text": text, "Type": "message", "Module": module}
    return Response(_encode({"Meta": {"Errors": [fault]}}), status, headers, MEDIA_TYPE)
