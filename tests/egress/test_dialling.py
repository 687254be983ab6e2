"""Connections for what is not HTTP: judged at the address that is dialled, and through the proxy."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.support.receiver import Receiver, Reply, answer, hang_up
from tests.support.waypost import free_port

from waypost.egress.client import Client, Unreached
from waypost.egress.policy import Policy

LOOPBACK = [ipaddress.ip_network("127.0.0.1/32")]
NAME = "mail.example.com"


class Names(AbstractResolver):
    """A name server that always answers the same; with nothing to say it never answers."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if not self._addresses:
            await asyncio.Event().wait()
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self._addresses
        ]

    async def close(self) -> None: ...


@pytest.fixture
async def made() -> AsyncIterator[list[Client]]:
    clients: list[Client] = []
    yield clients
    for client in clients:
        await client.close()


async def dialled(
    made: list[Client],
    host: str,
    port: int,
    *,
    names: AbstractResolver | None = None,
    proxy: str | None = None,
    seconds: float = 5,
) -> socket.socket | Unreached:
    client = Client(Policy(LOOPBACK), proxy=proxy, resolver=names)
    made.append(client)
    await client.start()
    return await client.dial(host, port, timeout_seconds=seconds)


async def test_what_is_allowed_is_connected(made: list[Client]) -> None:
    with Receiver() as receiver:
        found = await dialled(made, NAME, receiver.port, names=Names("127.0.0.1"))
        assert isinstance(found, socket.socket)
        with found:
            assert found.getpeername() == ("127.0.0.1", receiver.port)


async def test_of_several_addresses_those_that_are_allowed_are_tried(made: list[Client]) -> None:
    with Receiver() as receiver:
        found = await dialled(made, NAME, receiver.port, names=Names("127.0.0.2", "10.0.0.1", "127.0.0.1"))
        assert isinstance(found, socket.socket)
        with found:
            assert found.getpeername()[0] == "127.0.0.1"


@pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.2"])
async def test_a_name_that_leads_inside_is_refused(made: list[Client], address: str) -> None:
    with Receiver(host="127.0.0.2") as receiver:
        found = await dialled(made, NAME, receiver.port, names=Names(address))
        assert isinstance(found, Unreached)
        assert found.code == "address_not_allowed"
        assert receiver.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.2", "2130706434", "::1", "metadata.google.internal"])
async def test_what_is_written_is_judged_first(made: list[Client], host: str) -> None:
    found = await dialled(made, host, 25, names=Names())
    assert isinstance(found, Unreached)
    assert found.code == "address_not_allowed"


async def test_a_port_where_nothing_listens_is_named_as_such(made: list[Client]) -> None:
    found = await dialled(made, NAME, free_port(), names=Names("127.0.0.1"))
    words = "The host refused the connection: nothing listens on that port."
    assert found == Unreached("connect", words, False)


async def test_a_name_server_that_never_answers_is_given_up(made: list[Client]) -> None:
    found = await dialled(made, NAME, 25, names=Names(), seconds=0.05)
    assert found == Unreached("timeout", "No connection within 0.05 s.", False)


async def test_a_proxy_is_the_only_way_out(made: list[Client]) -> None:
    with Receiver(answer(200)) as proxy:
        found = await dialled(made, NAME, 587, proxy=proxy.url)
        assert isinstance(found, socket.socket)
        with found:
            (asked,) = proxy.requests
            assert (asked.method, asked.target, asked.headers["host"]) == ("CONNECT", f"{NAME}:587", f"{NAME}:587")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(403), "The egress proxy answered 403 to the request for a tunnel."),
        (hang_up(), "The egress proxy closed the connection while it was being set up."),
    ],
)
async def test_a_proxy_that_refuses_is_named_as_such(made: list[Client], reply: Reply, words: str) -> None:
    with Receiver(reply) as proxy:
        found = await dialled(made, NAME, 587, proxy=proxy.url)
        assert found == Unreached("connect", words, False)


async def test_a_proxy_is_not_asked_for_what_is_never_allowed(made: list[Client]) -> None:
    with Receiver(answer(200)) as proxy:
        found = await dialled(made, "169.254.169.254", 25, proxy=proxy.url)
        assert isinstance(found, Unreached)
        assert proxy.connections == 0


async def test_a_proxy_over_tls_is_refused_in_words(made: list[Client]) -> None:
    found = await dialled(made, NAME, 587, proxy="https://proxy.example.com:3128")
    assert isinstance(found, Unreached)
    assert "http://" in found.reason
