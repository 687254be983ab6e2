"""TLS: what a receiver's certificate must show, and how a failed check is told."""

import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.egress.test_client import Names
from tests.support.authority import Authority
from tests.support.receiver import Receiver, answer, hang_up, reset, stall

from waypost.egress import tls
from waypost.egress.client import Answer, Client, Unreached
from waypost.egress.policy import Policy


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(Policy([ip_network("127.0.0.0/8"), ip_network("::1/128")]))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def plain() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


async def call(
    client: Client, url: str, context: ssl.SSLContext | None, *, seconds: float = 5
) -> Answer | Unreached:
    return await client.send(
        "POST", url, headers={}, body=b"{}", timeout_seconds=seconds, https_only=True, tls=context
    )


async def test_a_certificate_of_a_known_authority_is_taken(client: Client, authority: Authority) -> None:
    context = tls.context(authorities=authority.pem)
    with Receiver(tls=authority.server()) as receiver:
        for _ in range(3):
            found = await call(client, receiver.url, context)
            assert isinstance(found, Answer)
        assert receiver.connections == 1


async def test_an_authority_that_does_not_say_what_it_is_for_is_taken_on_every_python(
    client: Client, tmp_path: Path
) -> None:
    """Python 3.13 refuses it by itself; a newer Python must hold nobody's queues."""
    authority = Authority(tmp_path, plain=True)
    with Receiver(tls=authority.server()) as receiver:
        assert isinstance(await call(client, receiver.url, tls.context(authorities=authority.pem)), Answer)


async def test_a_name_that_ends_in_a_dot_is_checked_without_it(authority: Authority) -> None:
    client = Client(Policy([ip_network("127.0.0.0/8")]), resolver=Names(["127.0.0.1"]))
    await client.start()
    with Receiver(tls=authority.server("names.example")) as receiver:
        url = f"https://names.example.:{receiver.port}/"
        assert isinstance(await call(client, url, tls.context(authorities=authority.pem)), Answer)
        assert receiver.requests[0].headers["host"] == f"names.example:{receiver.port}"
    await client.close()


CHECKS: list[tuple[str, Callable[[Authority], ssl.SSLContext], str]] = [
    ("127.0.0.1", lambda authority: authority.server(days=-1), "has expired"),
    ("127.0.0.1", lambda authority: authority.server("127.0.0.9"), "is for another address"),
    ("localhost", lambda authority: authority.server("example.com"), "is for another host name"),
    ("127.0.0.1", lambda authority: authority.self_signed(), "is self-signed"),
    (
        "127.0.0.1",
        lambda authority: _only(authority.server(), ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
        "suite",
    ),
]


@pytest.mark.parametrize(("host", "server", "words"), CHECKS)
async def test_a_failed_check_is_named(
    client: Client,
    authority: Authority,
    host: str,
    server: Callable[[Authority], ssl.SSLContext],
    words: str,
) -> None:
    with Receiver(tls=server(authority)) as receiver:
        found = await call(client, receiver.url.replace("127.0.0.1", host), tls.context(authorities=authority.pem))
        assert isinstance(found, Unreached)
        assert (found.code, found.maybe_processed) == ("tls", False)
        assert words in found.reason
        assert receiver.requests == []


async def test_an_unknown_authority_is_named(client: Client, authority: Authority) -> None:
    with Receiver(tls=authority.server()) as receiver:
        found = await call(client, receiver.url, None)
        assert isinstance(found, Unreached)
        assert (found.code, found.maybe_processed) == ("tls", False)
        assert "unknown authority" in found.reason
        assert receiver.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_version_of_tls_is_refused(client: Client, authority: Authority) -> None:
    server = authority.server()
    server.minimum_version = ssl.TLSVersion.TLSv1_1
    with Receiver(tls=_only(server, ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0")) as receiver:
        found = await call(client, receiver.url, tls.context(authorities=authority.pem))
        assert isinstance(found, Unreached)
        assert found.code == "tls"
        assert "no TLS version in common" in found.reason


async def test_tls_1_2_with_a_documented_suite_is_taken(client: Client, authority: Authority) -> None:
    server = _only(authority.server(), ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384")
    with Receiver(tls=server) as receiver:
        assert isinstance(await call(client, receiver.url, tls.context(authorities=authority.pem)), Answer)


async def test_a_missing_client_certificate_was_not_processed(client: Client, authority: Authority) -> None:
    with Receiver(tls=authority.server(asks_for_certificate=True)) as receiver:
        found = await call(client, receiver.url, tls.context(authorities=authority.pem))
        assert isinstance(found, Unreached)
        assert "client certificate" in found.reason
        # The other side's word can be overtaken by its closing of the connection.
        assert (found.code, found.maybe_processed) in {("tls", False), ("reset", False), ("reset", True)}
        assert receiver.requests == []


async def test_a_client_certificate_can_be_shown(client: Client, authority: Authority) -> None:
    context = tls.context(authorities=authority.pem)
    context.load_cert_chain(*authority.issue("waypost.example"))
    with Receiver(tls=authority.server(asks_for_certificate=True)) as receiver:
        assert isinstance(await call(client, receiver.url, context), Answer)


async def test_a_port_that_speaks_plain_http_is_named(client: Client) -> None:
    with _Raw(_plain_http) as port:
        found = await call(client, f"https://127.0.0.1:{port}/", None)
    assert isinstance(found, Unreached)
    assert (found.code, found.maybe_processed) == ("tls", False)
    assert "does not speak TLS" in found.reason


async def test_a_connection_closed_in_the_handshake_was_not_processed(client: Client) -> None:
    with _Raw(lambda link: link.recv(4096)) as port:
        found = await call(client, f"https://127.0.0.1:{port}/", None)
    assert isinstance(found, Unreached)
    assert (found.code, found.maybe_processed) == ("connect", False)
    assert "while it was being set up" in found.reason


@pytest.mark.parametrize(("reply", "code"), [(reset(), "reset"), (hang_up(), "reset"), (stall(), "timeout")])
async def test_misbehaviour_under_tls_ends_like_without(
    client: Client, authority: Authority, reply: object, code: str
) -> None:
    context = tls.context(authorities=authority.pem)
    with Receiver(tls=authority.server()) as receiver:
        receiver.behave(reply)  # type: ignore[arg-type]
        found = await call(client, receiver.url, context, seconds=0.6)
        assert isinstance(found, Unreached)
        assert (found.code, found.maybe_processed) == (code, True)


# Through an egress proxy


async def test_with_a_proxy_every_call_goes_to_it_and_names_are_left_to_it(plain: Receiver) -> None:
    client = Client(Policy([]), proxy=plain.url)
    await client.start()
    found = await client.send(
        "POST", "http://names.example/x", headers={}, body=b"{}", timeout_seconds=5, https_only=False
    )
    await client.close()
    assert isinstance(found, Answer)
    assert [request.target for request in plain.requests] == ["http://names.example/x"]


async def test_a_proxy_does_not_open_forbidden_literals(plain: Receiver) -> None:
    client = Client(Policy([]), proxy=plain.url)
    await client.start()
    for url in ("https://10.0.0.1/", "https://localhost/", "https://metadata.google.internal/", plain.url):
        found = await call(client, url.replace("http:", "https:"), None)
        assert isinstance(found, Unreached)
        assert found.code == "address_not_allowed"
    await client.close()
    assert plain.connections == 0


async def test_a_proxy_that_refuses_the_tunnel_is_named(plain: Receiver) -> None:
    plain.behave(answer(407))
    client = Client(Policy([]), proxy=plain.url.replace("http://", "http://user:s3cret@"))
    await client.start()
    found = await call(client, "https://names.example/", None)
    await client.close()
    assert found == Unreached("connect", "The egress proxy answered 407 to the request for a tunnel.", False)
    (request,) = plain.requests
    assert (request.method, request.target) == ("CONNECT", "names.example:443")
    assert request.headers["proxy-authorization"].startswith("Basic ")


async def test_a_proxy_that_is_away_is_named(plain: Receiver) -> None:
    plain.close()
    client = Client(Policy([]), proxy=plain.url)
    await client.start()
    found = await call(client, "https://names.example/", None)
    await client.close()
    assert found == Unreached(
        "connect", "The egress proxy refused the connection: nothing listens on that port.", False
    )


async def test_tls_runs_through_the_proxys_tunnel_to_the_host_itself(authority: Authority) -> None:
    context = tls.context(authorities=authority.pem)
    with Receiver(tls=authority.server("names.example")) as receiver, _Raw(_tunnel_to(receiver.port)) as port:
        client = Client(Policy([]), proxy=f"http://127.0.0.1:{port}")
        await client.start()
        found = await call(client, "https://names.example/x", context)
        await client.close()
        assert isinstance(found, Answer)
        assert [request.target for request in receiver.requests] == ["/x"]


def _plain_http(link: socket.socket) -> None:
    link.recv(4096)
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _only(context: ssl.SSLContext, version: ssl.TLSVersion, suites: str) -> ssl.SSLContext:
    context.maximum_version = version
    context.set_ciphers(suites)
    return context


class _Raw:
    """A listener that does one thing with the first connection and then closes it."""

    def __init__(self, act: Callable[[socket.socket], object]) -> None:
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._run, daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _run(self) -> None:
        link, _ = self._listener.accept()
        with link:
            self._act(link)


def _tunnel_to(port: int) -> Callable[[socket.socket], object]:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def tunnel(link: socket.socket) -> None:
        assert link.recv(4096).startswith(b"CONNECT names.example:443 ")
        link.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as onward:
            back = threading.Thread(target=pump, args=(onward, link), daemon=True)
            back.start()
            pump(link, onward)
            back.join(5)

    return tunnel
