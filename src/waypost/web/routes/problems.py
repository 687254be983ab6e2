"""Errors as RFC 9457 problem details: the one table from error kinds to HTTP status."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path
from starlette.types import Scope

from waypost import errors
from waypost.errors import Fault
from waypost.validation import pointer

META = {"version": "1.0.0"}
MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[errors.WaypostError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.RateLimited: 429,
    errors.NotImplementedYet: 501,
    errors.Unavailable: 503,
}

log = structlog.get_logger("waypost.web")


def status_of(error: errors.WaypostError) -> int:
    """The status of an error: its own kind's, or that of the nearest kind above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: errors.WaypostError) -> dict[str, str]:
    """The headers that go with an error's status."""
    match error:
        case errors.Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="waypost"'}
        case errors.RateLimited(limit=limit, retry_after_seconds=seconds):
            return {"X-RateLimit-Limit": str(limit), "Retry-After": str(seconds)}
        case errors.Unavailable(retry_after_seconds=seconds):
            return {"Retry-After": str(seconds)}
    return {}


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    instance: str,
    faults: tuple[Fault, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document. Nothing that was sent stands in it, but the path and the names of fields."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "meta": META,
    }
    if faults:
        body["errors"] = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults]
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def render(error: errors.WaypostError, instance: str) -> Response:
    """An error as its answer."""
    faults = error.faults if isinstance(error, errors.Invalid) else ()
    return problem(
        status_of(error), error.reason_code, error.title, error.detail,
        instance=instance, faults=faults, headers=headers_of(error),
    )  # fmt: skip


OnRefusal = Callable[[Request, errors.Forbidden], Awaitable[None]]


def install(app: FastAPI, refused: OnRefusal) -> None:
    """Answer every error of the application as a problem; `refused` hears of each Forbidden first."""

    @app.exception_handler(errors.WaypostError)
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.WaypostError)  # noqa: S101 - what FastAPI promises
        if isinstance(error, errors.Forbidden):
            await refused(request, error)
        return render(error, request.scope["path"])

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - likewise
        faults = [Fault(pointer(e["loc"][1:]), e["type"], e["msg"]) for e in error.errors()]
        return render(errors.Invalid(faults), request.scope["path"])

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - likewise
        if error.status_code == 405:
            allowed = ", ".join(sorted(_methods(app, request)))
            detail = f"This address takes {allowed}."
            return problem(
                405, "method_not_allowed", "Method not allowed", detail,
                instance=request.scope["path"], headers={"Allow": allowed},
            )  # fmt: skip
        if error.status_code == 404:
            return problem(404, "not_found", "Not found", "There is nothing here.", instance=request.scope["path"])
        return problem(
            error.status_code, "http_error", "Error", str(error.detail)[:200], instance=request.scope["path"]
        )


def surprise(scope: Scope, error: Exception) -> Response:
    """The answer to a fault of ours, which is logged without its message: that could carry values."""
    log.error(
        "request.failed",
        request_id=scope["state"]["request_id"],
        route=getattr(scope.get("route"), "path", "?"),
        exc_info=error,
    )
    detail = "A fault of ours; the log has it under the request id."
    return problem(500, "internal_error", "Internal error", detail, instance=scope["path"])


def _methods(app: FastAPI, request: Request) -> set[str]:
    """Every method that some route takes at this path."""
    found: set[str] = set()
    for context in iter_route_contexts(app.routes):
        if context.path and compile_path(context.path)[0].match(request.scope["path"]):
            found |= context.methods or set()
    return found - {"HEAD"}
