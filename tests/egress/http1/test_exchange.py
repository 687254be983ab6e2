"""Calls against a raw socket that answers as badly as it can, on both kinds of event loop."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from ipaddress import ip_network
from typing import Any

import pytest
import uvloop
from tests.support.authority import Authority
from tests.support.receiver import Receiver, answer, stall

from waypost.egress import tls
from waypost.egress.client import Answer, Client, Unreached
from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOOPBACK = [ip_network("127.0.0.0/8")]

Act = Callable[[socket.socket], object]


class Raw(AbstractContextManager["Raw"]):
    """A listener that plays each connection by the next of its acts; the last one stays."""

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.connections = 0

    def __enter__(self) -> "Raw":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                self.connections += 1
                act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
                threading.Thread(target=self._play, args=(act, link), daemon=True).start()

    @staticmethod
    def _play(act: Act, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link, suppress(OSError):
            act(link)


def saying(*pieces: bytes) -> Act:
    """Each request gets these bytes, one piece after the other."""

    def act(link: socket.socket) -> None:
        while link.recv(65536):
            for piece in pieces:
                link.sendall(piece)

    return act


def before_it_is_asked(link: socket.socket) -> None:
    link.sendall(OK)
    while link.recv(65536):
        link.sendall(b"HTTP/1.1 201 Late\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return asyncio.run if request.param == "asyncio" else uvloop.run


async def calls(url: str, count: int, method: str = "POST", **changed: Any) -> list[Answer | Unreached]:
    client = Client(Policy(LOOPBACK))
    await client.start()
    given: dict[str, Any] = {"headers": {}, "body": b"{}", "timeout_seconds": 5, "https_only": False}
    found = [await client.send(method, url, **given | changed) for _ in range(count)]
    await client.close()
    return found


def test_an_answer_in_single_bytes_is_whole(run: Callable[..., Any]) -> None:
    with Raw(saying(*(bytes([byte]) for byte in OK))) as server:
        assert [found.body for found in run(calls(server.url, 3))] == [b"ok"] * 3
        assert server.connections == 1


@pytest.mark.parametrize("behind", [b"x", OK, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"])
def test_what_comes_behind_an_answer_is_never_the_next_calls_answer(
    run: Callable[..., Any], behind: bytes
) -> None:
    with Raw(saying(OK + behind)) as server:
        assert [(found.status, found.body) for found in run(calls(server.url, 3))] == [(200, b"ok")] * 3
        assert server.connections == 3


def test_what_comes_later_behind_an_answer_is_never_the_next_calls_answer(run: Callable[..., Any]) -> None:
    late = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    heard = threading.Event()

    def act(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(OK)
        heard.wait(5)
        link.sendall(late)
        link.recv(65536)

    async def work(url: str) -> list[int]:
        client = Client(Policy(LOOPBACK))
        await client.start()
        statuses = []
        for _ in range(2):
            found = await client.send("POST", url, headers={}, timeout_seconds=5, https_only=False)
            assert isinstance(found, Answer)
            statuses.append(found.status)
            heard.set()
            await asyncio.sleep(0.05)
        await client.close()
        return statuses

    with Raw(act, saying(OK)) as server:
        assert run(work(server.url)) == [200, 200]
        assert server.connections == 2


def test_an_answer_before_the_request_belongs_to_nobody(run: Callable[..., Any]) -> None:
    with Raw(before_it_is_asked) as server:
        (found,) = run(calls(server.url, 1))
        assert isinstance(found, Unreached) or found.status in {200, 201}


def test_a_head_request_is_answered_without_a_body(run: Callable[..., Any]) -> None:
    with Raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as server:
        found = run(calls(server.url, 2, "HEAD", body=b""))
        assert [(each.status, each.body, each.complete) for each in found] == [(200, b"", True)] * 2
        assert server.connections == 1


def test_a_body_that_ends_with_its_connection_is_whole(run: Callable[..., Any]) -> None:
    def act(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(b"HTTP/1.1 200 OK\r\n\r\nto the end")

    with Raw(act) as server:
        assert [(found.body, found.complete) for found in run(calls(server.url, 2))] == [(b"to the end", True)] * 2


def test_a_header_that_would_be_a_second_one_is_never_sent(run: Callable[..., Any]) -> None:
    with Raw(saying(OK)) as server:
        (found,) = run(calls(server.url, 1, headers={"X": "a\r\nY: b"}))
        assert found == Unreached("protocol", "The request holds a header that HTTP does not allow.", False)
        assert server.connections == 0


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_idempotent_request_is_sent_once_more_when_a_kept_connection_dies_under_it(
    run: Callable[..., Any], method: str
) -> None:
    def dies(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(OK)
        link.recv(65536)

    with Raw(dies, saying(OK)) as server:
        assert [type(found) for found in run(calls(server.url, 2, method))] == [Answer, Answer]
        assert server.connections == 2
    with Raw(dies) as server:
        first, second = run(calls(server.url, 2, "POST"))
        assert isinstance(first, Answer)
        assert (second.code, second.maybe_processed) == ("reset", True)
        assert server.connections == 1


def test_a_call_that_is_given_up_closes_its_connection(run: Callable[..., Any]) -> None:
    async def work(receiver: Receiver) -> None:
        client = Client(Policy(LOOPBACK))
        await client.start()
        for body in (b"{}", b"x" * 20_000_000):
            going = asyncio.create_task(
                client.send("POST", receiver.url, headers={}, body=body, timeout_seconds=30, https_only=False)
            )
            await receiver.arrived(len(receiver.requests) + 1)
            going.cancel()
            assert isinstance((await asyncio.gather(going, return_exceptions=True))[0], asyncio.CancelledError)
            await receiver.closed(len(receiver.requests))
        await client.close()

    with Receiver(stall()) as receiver:
        run(work(receiver))


def test_closing_ends_what_is_under_way(run: Callable[..., Any]) -> None:
    async def work(receiver: Receiver) -> Answer | Unreached:
        client = Client(Policy(LOOPBACK))
        await client.start()
        going = asyncio.create_task(
            client.send("POST", receiver.url, headers={}, timeout_seconds=30, https_only=False)
        )
        await receiver.arrived(1)
        await client.close()
        await client.close()
        return await going

    with Receiver(stall()) as receiver:
        found = run(work(receiver))
        assert (found.code, found.maybe_processed) == ("reset", True)


def test_egress_lists_and_contexts_share_no_connection(run: Callable[..., Any]) -> None:
    async def work(receiver: Receiver) -> None:
        client = Client(Policy(LOOPBACK))
        await client.start()
        listed = [EgressList(hosts=("localhost",)), EgressList(hosts=("localhost", "b.example"))]
        url = receiver.url.replace("127.0.0.1", "localhost")
        for each in (client, *(client.within(one) for one in listed), *(client.within(one) for one in listed)):
            found = await each.send("POST", url, headers={}, timeout_seconds=5, https_only=False)
            assert isinstance(found, Answer), found
        await client.close()

    with Receiver() as receiver:
        run(work(receiver))
        assert receiver.connections == 3


def test_the_next_connection_to_a_host_resumes_its_tls(
    run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    server, ours, other = authority.server(), *(tls.context(authorities=authority.pem) for _ in range(2))

    async def work(receiver: Receiver) -> None:
        client = Client(Policy(LOOPBACK))
        await client.start()
        for context in (ours, ours, ours, other):
            found = await client.send(
                "POST", receiver.url, headers={}, timeout_seconds=5, https_only=True, tls=context
            )
            assert isinstance(found, Answer), found
        await client.close()

    with Receiver(answer(headers={"Connection": "close"}), tls=server) as receiver:
        run(work(receiver))
        assert receiver.connections == 4
    assert server.session_stats()["hits"] == 2


def test_large_and_small_requests_take_turns_on_one_connection(run: Callable[..., Any]) -> None:
    async def work(receiver: Receiver) -> None:
        client = Client(Policy(LOOPBACK))
        await client.start()
        for size in (5, 3_000_000, 0, 300_000, 262_144, 262_145):
            found = await client.send(
                "POST", receiver.url, headers={}, body=b"x" * size, timeout_seconds=10, https_only=False
            )
            assert isinstance(found, Answer), found
        await client.close()

    with Receiver() as receiver:
        run(work(receiver))
        assert [len(request.body) for request in receiver.requests] == [5, 3_000_000, 0, 300_000, 262_144, 262_145]
        assert receiver.connections == 1
