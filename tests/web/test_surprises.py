"""A fault of ours: it is answered, it is logged, and its message, which could carry values, is nowhere."""

import http.client
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs
from tests.support import tenants
from tests.support.serving import Serving

from waypost.logging import without_message

SECRET = "zzz-secret"


class Watched:
    """The application; `left` is set whenever it is done with a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            self.left.set()


@pytest.fixture
def served() -> Iterator[tuple[Serving, Watched]]:
    routes = APIRouter()

    @routes.get("/broken/{word}")
    async def broken(word: str) -> None:
        raise RuntimeError(f"{SECRET} {word}")

    @routes.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a beginning"
            raise RuntimeError(SECRET)

        return StreamingResponse(parts(), headers={"content-length": "100"})

    @routes.post("/reads")
    async def reads(request: Request) -> int:
        return len(await request.body())

    watched = Watched(tenants.app([routes], tenants.words({})))
    with Serving(watched) as serving:
        yield serving, watched


def test_a_fault_of_ours_is_a_problem_with_the_request_id(served: tuple[Serving, Watched]) -> None:
    answer = served[0].client("GET", "/broken/x", headers={"x-request-id": "My-own.request_42"})
    assert (answer.status, answer.headers["x-request-id"]) == (500, "My-own.request_42")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json["type"], answer.json["instance"]) == ("/problems/internal_error", "/broken/x")
    assert SECRET not in answer.body.decode()


def test_a_fault_of_ours_is_logged_without_its_message(
    served: tuple[Serving, Watched], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs([without_message]) as lines:
        served[0].client("GET", "/broken/x", headers={"x-request-id": "My-own.request_42"})
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["error"], line["route"]) == ("request.failed", "RuntimeError", "/broken/{word}")
    assert line["request_id"] == "My-own.request_42"
    assert any(frame.endswith(" broken") for frame in line["where"])
    assert SECRET not in str(lines) + caplog.text


def test_an_answer_that_breaks_off_is_cut_and_logged_without_its_message(
    served: tuple[Serving, Watched], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs([without_message]) as lines, pytest.raises((http.client.IncompleteRead, ConnectionError)):
        served[0].client("GET", "/breaks-off")
    assert [line["error"] for line in lines if line["log_level"] == "error"] == ["RuntimeError"]
    assert SECRET not in str(lines) + caplog.text


def test_a_client_that_leaves_is_no_fault_of_ours(served: tuple[Serving, Watched]) -> None:
    serving, watched = served
    with capture_logs([without_message]) as lines:
        with socket.create_connection(("127.0.0.1", serving.port)) as connection:
            connection.sendall(b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort")
        assert watched.left.wait(10)
    assert [line for line in lines if line["log_level"] != "debug"] == []
