"""The headers of every answer under `/dashboard`: nothing from elsewhere, nothing inline, nothing kept."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_STORE = "no-store"
STRICT_TRANSPORT = "max-age=31536000"


def with_headers(scope: Scope, send: Send) -> Send:
    """The same `send`, but answers get the headers; what says itself how long it may be kept (files) says so."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", NO_STORE)
            if scope["scheme"] == "https":
                headers["strict-transport-security"] = STRICT_TRANSPORT
        await send(message)

    return send_with_headers
