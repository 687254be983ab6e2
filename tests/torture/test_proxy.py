"""The network of the torture: what it does to connections, on command."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.support.waiting import until
from torture.proxy import CUT, PASS, SWALLOW, Proxy, Way


class Echo(AbstractContextManager["Echo"]):
    """Sends back what comes."""

    def __init__(self, prefix: bytes = b"") -> None:
        self.heard = b""
        self._prefix = prefix
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65_536):
                    self.heard += piece
                    connection.sendall(self._prefix + piece)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as made:
        yield made


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def asked(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    found = b""
    while len(found) < len(words) and (piece := connection.recv(65_536)):
        found += piece
    if len(found) < len(words):
        raise ConnectionError("the connection ended")
    return found


def test_everything_is_passed_on_both_ways(proxy: Proxy) -> None:
    with connected(proxy) as one:
        assert asked(one, b"a" * 300_000) == b"a" * 300_000
    assert proxy.broken == 0


def test_who_is_connected_is_cut_off_and_who_comes_is_too(proxy: Proxy) -> None:
    with connected(proxy) as one:
        assert asked(one, b"before") == b"before"
        proxy.become(CUT)
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    with pytest.raises(ConnectionError), connected(proxy) as two:
        asked(two, b"during")
    assert proxy.broken >= 1
    proxy.become(PASS)
    with connected(proxy) as three:
        assert asked(three, b"after") == b"after"


def test_what_is_swallowed_never_comes_and_is_not_made_good_later(echo: Echo, proxy: Proxy) -> None:
    with connected(proxy) as one:
        asked(one, b"before")
        proxy.become(SWALLOW)
        one.sendall(b"lost")
        one.settimeout(0.1)
        with pytest.raises(TimeoutError):
            one.recv(1)
        proxy.become(PASS)
        one.sendall(b"too late")
        with pytest.raises(TimeoutError):
            one.recv(1)
    assert echo.heard == b"before"
    with connected(proxy) as two:
        assert asked(two, b"after") == b"after"


@pytest.mark.parametrize(("way", "least"), [(Way(delay=0.05), 0.1), (Way(rate=10_000), 0.1)])
def test_it_is_late_or_narrow(proxy: Proxy, way: Way, least: float) -> None:
    proxy.become(way)
    with connected(proxy) as one:
        began = time.monotonic()
        assert asked(one, b"b" * 500) == b"b" * 500
        assert time.monotonic() - began >= least


def test_a_connection_is_reset_half_way(echo: Echo, proxy: Proxy) -> None:
    proxy.become(Way(reset_after=400))
    with connected(proxy) as one, pytest.raises(ConnectionError):
        asked(one, b"c" * 1000)
    assert proxy.broken == 1
    assert len(echo.heard) < 1000


def test_new_connections_go_where_it_is_aimed(proxy: Proxy) -> None:
    with Echo(prefix=b"two:") as other, connected(proxy) as one:
        assert asked(one, b"here") == b"here"  # by now it is through to where it was aimed
        proxy.aim(other.port)
        assert asked(one, b"still here") == b"still here"
        with connected(proxy) as two:
            assert asked(two, b"x").startswith(b"two:")
    until(lambda: other.heard == b"x", "what was said")
