"""What stands at the root: health, metrics, and the OpenAPI document with a page of it."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from waypost import errors
from waypost.metrics import CONTENT_TYPE
from waypost.web.document import openapi
from waypost.web.document.reference import page
from waypost.web.routes.callers import client_ip

_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'"

IsReady = Callable[[], Awaitable[bool]]
Exposed = Callable[[], Awaitable[bytes]]
"""The Prometheus text exposition."""


def router(is_ready: IsReady, exposed: Exposed, *, metrics_token: str | None) -> APIRouter:
    """Health and metrics. Health is open and says nothing but ready or not."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/health/live")
    async def live() -> Response:
        return PlainTextResponse("live")

    @routes.get("/health/ready")
    async def ready() -> Response:
        if await is_ready():
            return PlainTextResponse("ready")
        return PlainTextResponse("not ready", 503, {"Retry-After": "5"})

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not _may_scrape(request, metrics_token):
            raise errors.Unauthenticated("Metrics are for loopback, or for the bearer of WAYPOST_METRICS_TOKEN.")
        return Response(await exposed(), headers={"content-type": CONTENT_TYPE})

    return routes


def add_reference(app: FastAPI, plain: Mapping[str, Any]) -> None:
    """Serve the document of the application, and a page that shows it without any script.

    Both are made when they are first asked for: that takes longer than all else at start. `plain` describes the
    plain routes (`openapi.document`).
    """
    document = cache(lambda: openapi.document(app, plain))
    shown = cache(lambda: page(document()))

    @app.get("/openapi.json", include_in_schema=False)
    async def as_json() -> Response:
        return JSONResponse(document())

    @app.get("/docs", include_in_schema=False)
    async def as_page() -> Response:
        headers = {
            "Content-Security-Policy": _POLICY.format(shown().style_digest),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        return Response(shown().html, media_type="text/html; charset=utf-8", headers=headers)


def _may_scrape(request: Request, token: str | None) -> bool:
    given = request.headers.get("authorization", "").encode()
    if token is not None and hmac.compare_digest(given, f"Bearer {token}".encode()):
        return True
    try:
        return ipaddress.ip_address(client_ip(request)).is_loopback
    except ValueError:
        return False
