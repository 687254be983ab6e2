"""The table of hostile URLs over every outbound path: at rest, at the dial, behind names, behind redirects."""

import ipaddress
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import pytest

from tests.egress.test_client import Names
from tests.hostile.paths import DIALLED, STORED, Scene
from tests.hostile.urls import ADDRESSES, NEVER, NEVER_ADDRESSES, REFUSED
from tests.support.house import House
from tests.support.receiver import Receiver, Reply, Request, answer, redirect
from waypost.egress.client import Client
from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy
from waypost.errors import Invalid

T = TypeVar("T")

ALL = tuple(ipaddress.ip_network(block) for block in ("0.0.0.0/0", "::/0"))
ONE = (ipaddress.ip_network("127.0.0.1/32"),)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A house where only the open internet may be called."""
    with House(tmp_path_factory.mktemp("hostile"), deliver=False) as made:
        yield Scene(made)


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A house whose operator allows everything, or tries to."""
    with House(tmp_path_factory.mktemp("allowing"), deliver=False, allowed_networks="0.0.0.0/0,::/0") as made:
        yield Scene(made)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(obliging) as made:
        yield made


def obliging(request: Request) -> Reply:
    """What every path would count as success."""
    sent = request.json if request.body and request.body.startswith(b"{") else {}
    key = {"kid": "a", "kty": "EC"}
    close = {"Connection": "close"}  # each call is a dial of its own
    return answer(200, {"access_token": "x", "keys": [key], "challenge": sent.get("challenge")}, close)


def calling(
    scene: Scene, policy: Policy, names: Names | None, work: Callable[[Client], Coroutine[Any, Any, T]]
) -> T:
    """The work with a client of that policy, in the house's own loop."""

    async def run() -> T:
        client = Client(policy, resolver=names)
        await client.start()
        try:
            return await work(client)
        finally:
            await client.close()

    return scene.house.run(run())


def test_the_table_is_long_enough() -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 60


@pytest.mark.parametrize("path", STORED)
def test_no_hostile_url_is_stored(strict: Scene, receiver: Receiver, path: str) -> None:
    store, pointer = STORED[path]

    async def kept() -> list[str]:
        found = []
        for url in REFUSED:
            try:
                await store(strict, url.format(port=receiver.port))
            except Invalid as error:
                if {fault.pointer for fault in error.faults} == {pointer}:
                    continue
            found.append(url)
        return found

    assert strict.house.run(kept()) == []
    assert receiver.connections == 0


@pytest.mark.parametrize("path", STORED)
def test_what_is_always_refused_is_not_stored_whatever_is_allowed(allowing: Scene, path: str) -> None:
    store, pointer = STORED[path]

    async def kept() -> list[str]:
        found = []
        for url in NEVER:
            try:
                await store(allowing, url)
            except Invalid as error:
                if {fault.pointer for fault in error.faults} == {pointer}:
                    continue
            found.append(url)
        return found

    assert allowing.house.run(kept()) == []


def test_the_patch_of_a_destination_refuses_them_over_http(strict: Scene) -> None:
    path = f"/platform/v1/destinations/{strict.destination}"
    for url in REFUSED[::4]:
        answered = strict.house.call("PATCH", path, {"endpoint": url.format(port=9)})
        assert (answered.status, {pointer for pointer, _ in answered.faults}) == (400, {"/endpoint"}), url


@pytest.mark.parametrize("path", DIALLED)
def test_no_hostile_url_is_dialled(strict: Scene, receiver: Receiver, path: str) -> None:
    """As if it had come into the store by some other way."""

    async def reached(client: Client) -> list[str]:
        dial = DIALLED[path]
        return [url for url in REFUSED if await dial(strict, client, url.format(port=receiver.port)) is None]

    assert calling(strict, Policy([]), None, reached) == []
    assert receiver.connections == 0


@pytest.mark.parametrize("path", DIALLED)
def test_what_is_always_refused_is_not_dialled_whatever_is_allowed(allowing: Scene, path: str) -> None:
    everything = EgressList(ALL, ("metadata.google.internal", "metadata"))

    async def reached(client: Client) -> list[str]:
        dial = DIALLED[path]
        senders = (client, client.within(everything))
        return [url for url in NEVER for sender in senders if await dial(allowing, sender, url) is None]

    assert calling(allowing, Policy(ALL, grantable=ALL), None, reached) == []


@pytest.mark.parametrize("path", DIALLED)
def test_no_name_leads_inside(strict: Scene, receiver: Receiver, path: str) -> None:
    url = f"http://innocent.example:{receiver.port}/"

    async def reached(client: Client, addresses: Sequence[str]) -> list[str]:
        return [each for each in addresses if await DIALLED[path](strict, client, url) is None]

    for policy, addresses in ((Policy([]), ADDRESSES), (Policy(ALL, grantable=ALL), NEVER_ADDRESSES)):
        names = Names(*([each] for each in addresses))
        assert calling(strict, policy, names, partial(reached, addresses=addresses)) == []
    assert receiver.connections == 0


@pytest.mark.parametrize("path", DIALLED)
def test_a_name_that_changes_its_address_is_refused_the_second_time(
    strict: Scene, receiver: Receiver, path: str
) -> None:
    url = f"http://rebinding.example:{receiver.port}/"

    async def twice(client: Client) -> list[bool]:
        return [await DIALLED[path](strict, client, url) is None for _ in range(2)]

    names = Names(["127.0.0.1"], ["127.0.0.2"])
    assert calling(strict, Policy(ONE), names, twice) == [True, False]
    assert receiver.connections == 1


@pytest.mark.parametrize("path", DIALLED)
def test_an_allowed_network_is_reached(allowing: Scene, receiver: Receiver, path: str) -> None:
    def reached(policy: Policy, listed: EgressList) -> bool:
        async def dial(client: Client) -> bool:
            return await DIALLED[path](allowing, client.within(listed), receiver.url) is None

        return calling(allowing, policy, None, dial)

    assert reached(Policy(ONE), EgressList())
    assert reached(Policy([], grantable=ONE), EgressList(ONE))
    assert not reached(Policy([], grantable=ONE), EgressList())
    assert not reached(Policy([]), EgressList(ONE))
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("path", DIALLED)
def test_redirects_lead_nowhere(allowing: Scene, receiver: Receiver, path: str) -> None:
    with Receiver(obliging) as inside:
        receiver.behave(redirect(inside.url))
        said = calling(allowing, Policy(ONE), None, lambda client: DIALLED[path](allowing, client, receiver.url))
        assert said is not None
        assert (len(receiver.requests), inside.connections) == (1, 0)
