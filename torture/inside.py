"""Requests to a house's application without a socket: the ASGI call itself, made in the application's own loop."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.types import Message, Scope
from tests.support.house import House

from torture.ask import Ask, Got


def asking(house: House) -> Ask:
    """What `call` does, for this house."""
    return partial(call, house)


def call(house: House, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Got:
    """What the application answers; an exception that leaves it is raised."""
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", house.port),
        "client": ("127.0.0.1", 50_000),
        "scheme": "http",
        "root_path": "",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "state": {},
    }
    return house.run(_call(house.waypost.faces.http, scope, body))


async def _call(app: Any, scope: Scope, body: bytes) -> Got:
    sent: list[Message] = []
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    began = time.monotonic()
    await app(scope, receive, send)
    took = time.monotonic() - began
    headers: dict[str, list[str]] = {}
    for name, value in sent[0]["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return Got(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]), took)
