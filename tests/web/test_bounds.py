"""Whoever keeps the server waiting is hung up on, and nobody else notices."""

import asyncio
import json
import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs
from tests.support import tenants, wire
from tests.support.serving import Serving
from tests.support.waiting import until
from tests.web.test_surprises import Watched

from waypost.web.http1.protocol import Bounds, Full, Protocol

SHORT = 0.3
CROWD = 300
GET = b"GET /quick HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"
Serve = Callable[..., tuple[Serving, Watched]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """An application behind our protocol, with bounds; all that are not given are far away."""
    routes = APIRouter()

    @routes.get("/quick")
    async def quick() -> str:
        return "quick"

    @routes.post("/reads")
    async def reads(request: Request) -> int:
        return len(await request.body())

    @routes.post("/refuses")
    async def refuses() -> int:
        return 1

    @routes.get("/long")
    async def long() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield bytes(100_000)
                await asyncio.sleep(0)  # whoever has left is noticed

        return StreamingResponse(parts())

    with ExitStack() as running:

        def start(**bounds: Any) -> tuple[Serving, Watched]:
            watched = Watched(tenants.app([routes], tenants.words({})))
            http = partial(Protocol, bounds=Bounds(**{"look_seconds": 0.05} | bounds), full=Full())
            return running.enter_context(Serving(watched, http)), watched

        yield start


def drip(connection: socket.socket, data: bytes) -> bytes:
    """Send a byte now and then until the server hangs up, and what it said before."""
    end = time.monotonic() + wire.SECONDS
    for at in range(len(data)):
        try:
            connection.send(data[at : at + 1])
        except ConnectionError:
            break
        if select.select([connection], [], [], 0.02)[0]:
            break
        assert time.monotonic() < end, "nobody hung up"
    return wire.rest(connection)


def test_half_open_requests_are_ended_and_others_are_served_meanwhile(serve: Serve) -> None:
    served, _ = serve(head_seconds=1.5)
    with ExitStack() as opened:
        crowd = [opened.enter_context(wire.connected(served.port)) for _ in range(CROWD)]
        for connection in crowd:
            connection.sendall(GET)
        assert served.client("GET", "/quick").status == 200
        answers = [wire.read_all(wire.rest(connection)) for connection in crowd]
    assert {(said.status, json.loads(said.body)["type"]) for (said,) in answers} == {(408, "/problems/too_slow")}
    assert served.client("GET", "/quick").status == 200


def test_a_head_that_comes_byte_by_byte_is_ended(serve: Serve) -> None:
    served, _ = serve(head_seconds=SHORT)
    with wire.connected(served.port) as connection:
        (said,) = wire.read_all(drip(connection, GET + b"X-Note: " + b"x" * 10_000))
    assert said.status == 408


def test_who_says_nothing_is_told_nothing(serve: Serve) -> None:
    served, _ = serve(head_seconds=SHORT)
    assert wire.exchange(served.port) == []


def test_a_body_that_stays_away_is_ended_and_so_is_whoever_waits_for_it(serve: Serve) -> None:
    served, watched = serve(body_seconds=SHORT)
    (said,) = wire.exchange(served.port, POST + b"a beginning")
    assert (said.status, said.headers["connection"]) == (408, "close")
    assert watched.left.wait(wire.SECONDS)


def test_a_body_that_comes_too_slowly_is_ended(serve: Serve) -> None:
    served, watched = serve(body_seconds=SHORT, bytes_a_second=1_000)
    with wire.connected(served.port) as connection:
        connection.sendall(POST)
        (said,) = wire.read_all(drip(connection, bytes(1_999)))
    assert said.status == 408
    assert watched.left.wait(wire.SECONDS)


def test_a_body_that_comes_fast_enough_may_take_its_time(serve: Serve) -> None:
    served, _ = serve(body_seconds=SHORT, bytes_a_second=1_000)
    with wire.connected(served.port) as connection:
        connection.sendall(POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + bytes(1_990))
        assert not select.select([connection], [], [], 3 * SHORT)[0]
        connection.sendall(bytes(10))
        (said,) = wire.read_all(wire.rest(connection))
    assert (said.status, said.body) == (200, b"2000")


def test_a_body_that_nobody_reads_is_not_waited_for_longer(serve: Serve) -> None:
    served, _ = serve(body_seconds=SHORT)
    with wire.connected(served.port) as connection:
        connection.sendall(POST.replace(b"/reads", b"/refuses"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1" not in drip(connection, bytes(1_999))


def test_a_reader_who_reads_nothing_is_ended(serve: Serve) -> None:
    served, watched = serve(write_seconds=SHORT)
    with wire.connected(served.port) as connection:
        connection.sendall(GET.replace(b"/quick", b"/long") + b"\r\n")
        assert watched.left.wait(wire.SECONDS)


def test_empty_lines_keep_no_connection_open(serve: Serve) -> None:
    served, _ = serve(idle_seconds=SHORT)
    with wire.connected(served.port) as connection:
        connection.sendall(GET + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert b" 408 " not in drip(connection, b"\r\n" * 5_000)


def test_more_connections_than_there_may_be_are_refused_and_told_once(serve: Serve) -> None:
    served, _ = serve(connections=5)
    with capture_logs() as lines, ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(wire.connected(served.port)).sendall(GET)
        for _ in range(20):
            until(lambda: [said.status for said in wire.exchange(served.port)] == [503])
        (said,) = wire.exchange(served.port)
        assert (said.headers["retry-after"], json.loads(said.body)["status"]) == ("5", 503)
    until(lambda: _is_served(served))
    assert [line["connections"] for line in lines if line["event"] == "server.full"] == [5]


def test_requests_that_are_none_are_no_lines_in_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served, _ = serve()
    with capture_logs() as lines:
        assert [said.status for said in wire.exchange(served.port, b"nonsense\r\n\r\n")] == [400]
    assert [line for line in lines if line["log_level"] != "debug"] == []


def _is_served(served: Serving) -> bool:
    said = wire.exchange(served.port, GET + b"Connection: close\r\n\r\n")
    return [one.status for one in said] == [200]
