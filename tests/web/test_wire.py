"""Bytes that two servers could read in two ways, and bytes that are no request: refused in words, never obeyed."""

import json

import pytest
from tests.support import wire
from tests.support.house import House

HEAD = b"POST /v2/auth/token HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A request that must not be seen as one: it would be answered 404."""
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST = b"Connection: close\r\n\r\n"

MALFORMED = {
    "both lengths": HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "both lengths, turned": HEAD + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two codings": HEAD + b"Transfer-Encoding: identity\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "codings in a list": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding that is almost chunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked is not the last coding": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + HIDDEN,
    "a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunked in HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + HIDDEN,
    "the same length twice": HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "a list of lengths": HEAD + b"Content-Length: 0, 0\r\n\r\n" + HIDDEN,
    "a length with a sign": HEAD + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length beyond any number": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n" + HIDDEN,
    "no length": HEAD + b"Content-Length:\r\n\r\n" + HIDDEN,
    "a folded header": HEAD + b"X-Note: a\r\n Content-Length: 60\r\n\r\n" + HIDDEN,
    "a folded first header": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n" + HIDDEN,
    "lines that end in LF": HEAD.replace(b"\r\n", b"\n") + b"\n" + HIDDEN,
    "lines that end in CR": HEAD.replace(b"\r\n", b"\r") + b"\r" + HIDDEN,
    "a lone CR in a value": HEAD + b"X-Note: a\rContent-Length: 60\r\n\r\n" + HIDDEN,
    "NUL in a value": HEAD + b"X-Note: a\x00b\r\n\r\n" + HIDDEN,
    "a header without a colon": HEAD + b"X-Note\r\n\r\n" + HIDDEN,
    "a header without a name": HEAD + b": x\r\n\r\n" + HIDDEN,
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + HIDDEN,
    "HTTP/0.9": b"GET /health/live\r\n\r\n" + HIDDEN,
    "HTTP/1.9": b"GET /health/live HTTP/1.9\r\nHost: x\r\n\r\n" + HIDDEN,
    "HTTP/2.0": b"GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n" + HIDDEN,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "a tunnel": b"CONNECT inside:22 HTTP/1.1\r\nHost: inside:22\r\n\r\n" + HIDDEN,
    "an authority as target": b"GET inside:80 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a target without a host": b"GET http:///health/live HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a target with a space": b"GET /health/ live HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a target in UTF-8": "GET /health/é HTTP/1.1\r\nHost: x\r\n\r\n".encode() + HIDDEN,
    "a method nobody knows": b"FETCH /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "a method in small letters": b"get /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "blanks": b" " * 100 + HIDDEN,
    "a chunk that is no number": HEAD + CHUNKED + b"\r\nzz\r\n" + HIDDEN,
    "a negative chunk": HEAD + CHUNKED + b"\r\n-1\r\n" + HIDDEN,
    "a chunk beyond any number": HEAD + CHUNKED + b"\r\nfffffffffffffffff\r\n" + HIDDEN,
    "chunks that end in LF": HEAD + CHUNKED + b"\r\n1\nx\n0\n\n" + HIDDEN,
    "a chunk longer than it says": HEAD + CHUNKED + b"\r\n1\r\nxx\r\n0\r\n\r\n" + HIDDEN,
}
"""Each is answered once, 400, and the connection ends: what stands behind it is never a request."""

LONG = {
    "a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + b"x" * 2_000_000,
    "a target": b"GET /" + b"x" * 2_000_000,
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Note: x\r\n" * 200_000,
    "a head that ends": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + b"x" * 131_072 + b"\r\n\r\n",
    "empty lines": b"\r\n" * 1_000_000,
}

OBEYED = {
    "a thousand headers": b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"X-Note: x\r\n" * 1_000 + LAST,
    "a long header": b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Note: " + b"x" * 120_000 + b"\r\n" + LAST,
    "an absolute target": b"GET http://elsewhere.example/health/live HTTP/1.1\r\nHost: x\r\n" + LAST,
    "HTTP/1.0": b"GET /health/live HTTP/1.0\r\n\r\n",
    "an empty line first": b"\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n" + LAST,
    "an expectation": b"GET /health/live HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + LAST,
    "an empty host": b"GET /health/live HTTP/1.1\r\nHost:\r\n" + LAST,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(house: House, name: str) -> None:
    (said,) = wire.exchange(house.port, MALFORMED[name])
    assert (said.status, said.headers["content-type"]) == (400, "application/problem+json")
    assert said.headers["connection"] == "close"
    assert len(said.headers["x-request-id"]) == 36
    problem = json.loads(said.body)
    assert (problem["type"], problem["status"]) == ("/problems/malformed_request", 400)


@pytest.mark.parametrize("name", LONG)
def test_a_head_has_an_end(house: House, name: str) -> None:
    (said,) = wire.exchange(house.port, LONG[name])
    assert (said.status, json.loads(said.body)["type"]) == (431, "/problems/head_too_large")


@pytest.mark.parametrize("name", OBEYED)
def test_what_is_odd_and_clear_is_answered(house: House, name: str) -> None:
    assert [(said.status, said.body) for said in wire.exchange(house.port, OBEYED[name])] == [(200, b"live")]


def test_pipelined_requests_are_answered_in_their_order(house: House) -> None:
    paths = ["/health/live", "/health/ready", "/nothing", "/health/live"] * 20
    asked = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
    said = wire.exchange(house.port, asked, b"GET /nothing HTTP/1.1\r\nHost: x\r\n" + LAST)
    assert [one.status for one in said] == [200, 200, 404, 200] * 20 + [404]
    assert [one.body for one in said[:2]] == [b"live", b"ready"]


def test_what_is_no_request_behind_one_waits_for_its_answer_and_is_not_answered(house: House) -> None:
    ready = (
        b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"  # it reads the store, so that it is not answered at once
    )
    said = wire.exchange(house.port, ready + b"\x16\x03\x01\r\n\r\n" + HIDDEN)
    assert [(one.status, one.body) for one in said] == [(200, b"ready")]


def test_nothing_is_read_behind_a_request_that_ends_the_connection(house: House) -> None:
    said = wire.exchange(house.port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + LAST + HIDDEN)
    assert [one.status for one in said] == [200]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
def test_an_upgrade_is_left_alone_and_the_next_request_is_answered(house: House, protocol: bytes) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol + b"\r\nHTTP2-Settings: AAMAAABk\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\ngrant_type=x"
    for first in (b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n", HEAD + upgrade + form):
        with wire.connected(house.port) as connection:
            connection.sendall(first)
            assert connection.recv(65536)
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + LAST)
            assert wire.rest(connection).endswith(b"live")
        said = wire.exchange(house.port, first + b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + LAST)
        assert said[-1].body == b"live"
        assert len(said) == 2


def test_trailers_are_no_headers(house: House) -> None:
    path = f"/platform/v1/destinations/{house.destination()['id']}"
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.token('engineer')}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    (said,) = wire.exchange(
        house.port, head + b"2\r\n{}\r\n0\r\nIf-Match: stale\r\nX-Request-Id: of-a-trailer\r\n\r\n"
    )
    assert (said.status, said.headers["x-request-id"] != "of-a-trailer") == (200, True)


def test_trailers_have_an_end(house: House) -> None:
    endless = HEAD + CHUNKED + b"\r\n1\r\nx\r\n0\r\n" + b"X-Note: " + b"x" * 2_000_000
    assert wire.exchange(house.port, endless)[0].status in {400, 431}
