"""Egress lists: what they let through, what an operator keeps from them, and whose connections are whose."""

import ipaddress
from collections.abc import AsyncIterator

import pytest
from tests.egress.test_client import Names, answered, failed
from tests.support.receiver import Receiver

from waypost.egress import lists
from waypost.egress.client import Client
from waypost.egress.lists import OPEN, EgressList
from waypost.egress.policy import Policy


def networks(*blocks: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(block) for block in blocks]


def a_list(*cidrs: str, hosts: tuple[str, ...] = (), ports: tuple[int, ...] = ()) -> EgressList:
    return EgressList(tuple(networks(*cidrs)), hosts, ports)


POLICY = Policy(networks("10.1.0.0/16"), [("127.0.0.1", 8080)], grantable=networks("10.2.0.0/16", "127.0.0.0/8"))


@pytest.mark.parametrize(
    ("listed", "url", "fits"),
    [
        (OPEN, "https://anywhere.example/", True),
        (OPEN, "https://10.1.0.1/", True),
        (OPEN, "https://10.2.0.1/", False),
        (a_list(hosts=("a.example",)), "https://a.example/", True),
        (a_list(hosts=("a.example",)), "https://A.EXAMPLE./x", True),
        (a_list(hosts=("a.example",)), "https://b.example/", False),
        (a_list(hosts=("a.example",)), "https://x.a.example/", False),
        (a_list(hosts=("a.example",)), "https://8.8.8.8/", False),
        (a_list(hosts=("a.example",)), "https://10.1.0.1/", False),
        (a_list(hosts=("*.a.example",)), "https://x.a.example/", True),
        (a_list(hosts=("*.a.example",)), "https://x.y.a.example/", True),
        (a_list(hosts=("*.a.example",)), "https://a.example/", False),
        (a_list(hosts=("*.a.example",)), "https://xa.example/", False),
        (a_list(hosts=("*.a.example",)), "https://a.example.evil.test/", False),
        (a_list("8.8.0.0/16"), "https://8.8.8.8/", True),
        (a_list("8.8.0.0/16"), "https://[::ffff:8.8.8.8]/", True),
        (a_list("8.8.0.0/16"), "https://9.9.9.9/", False),
        (a_list("8.8.0.0/16"), "https://found.when.dialled/", True),
        (a_list("8.8.0.0/16", hosts=("a.example",)), "https://a.example/", True),
        (a_list(ports=(443,)), "https://a.example/", True),
        (a_list(ports=(443,)), "https://a.example:8443/", False),
        (a_list(ports=(443,)), "https://8.8.8.8:8443/", False),
        (a_list(ports=(8443,), hosts=("a.example",)), "https://a.example/", False),
        # what the operator keeps: allowed for all, granted to those that list it, and nothing beyond
        (a_list("10.1.0.0/16"), "https://10.1.0.1/", True),
        (a_list("10.2.7.0/24"), "https://10.2.7.1/", True),
        (a_list("10.2.7.0/24"), "https://10.2.8.1/", False),
        (a_list("10.2.7.0/24"), "https://8.8.8.8/", False),
        (a_list("0.0.0.0/0", "::/0"), "https://8.8.8.8/", True),
        (a_list("0.0.0.0/0", "::/0"), "https://10.2.8.1/", True),
        (a_list("0.0.0.0/0", "::/0"), "https://10.3.0.1/", False),
        (a_list("10.3.0.0/16"), "https://10.3.0.1/", False),
        # the always-refused, whatever is listed
        (a_list("169.254.0.0/16", "0.0.0.0/0"), "https://169.254.169.254/", False),
        (a_list("0.0.0.0/0", hosts=("metadata.google.internal",)), "https://metadata.google.internal/", False),
        (a_list("127.0.0.0/8"), "https://127.0.0.1:8080/", False),
        (a_list("127.0.0.0/8"), "https://127.0.0.1:8081/", True),
        (a_list("127.0.0.0/8", hosts=("localhost",)), "https://localhost:8080/", False),
    ],
)
def test_what_a_list_lets_through(listed: EgressList, url: str, fits: bool) -> None:
    faults = POLICY.within(listed).faults(url, https_only=True, pointer="/endpoint")
    assert [fault.code for fault in faults] == ([] if fits else ["address_not_allowed"])


@pytest.mark.parametrize(("listed", "fits"), [(a_list("8.8.0.0/16"), False), (a_list(hosts=("a.example",)), True)])
def test_behind_a_proxy_only_named_hosts_get_through(listed: EgressList, fits: bool) -> None:
    policy = POLICY.within(listed, sees_addresses=False)
    assert (policy.fault("https://a.example/", https_only=True, pointer="") is None) is fits


def test_a_refusal_says_where_the_list_is_changed() -> None:
    for listed in (a_list(hosts=("a.example",)), a_list(ports=(1,))):
        fault = POLICY.within(listed).fault("https://b.example/", https_only=True, pointer="")
        assert fault
        assert "/waypost/v1/environments/{id}/egress" in fault.detail
    fault = POLICY.fault("https://10.2.0.1/", https_only=True, pointer="")
    assert fault
    assert "egress list" in fault.detail


def test_a_listener_protected_later_is_refused_in_an_environment_too() -> None:
    policy = Policy(networks("127.0.0.0/8"))
    within = policy.within(a_list("127.0.0.0/8"))
    policy.protect("127.0.0.1", 9000)
    assert within.fault("https://127.0.0.1:9000/", https_only=True, pointer="") is not None


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("169.254.0.0/16", "never_allowed"),
        ("169.254.169.254/32", "never_allowed"),
        ("100.100.100.200/32", "never_allowed"),
        ("168.63.129.16/32", "never_allowed"),
        ("fd00:ec2::254/128", "never_allowed"),
        ("10.0.0.0/8", "network_not_permitted"),
        ("10.3.0.0/24", "network_not_permitted"),
        ("192.168.0.0/24", "network_not_permitted"),
        ("fd00::/8", "network_not_permitted"),
        ("::1/128", "network_not_permitted"),
        ("100.64.0.0/10", "network_not_permitted"),
        ("10.1.7.0/24", None),
        ("10.2.7.1/32", None),
        ("127.0.0.1/32", None),
        ("8.8.8.0/24", None),
        ("0.0.0.0/0", None),
        ("::/0", None),
        ("2001:4860::/32", None),
    ],
)
def test_what_may_be_listed_is_the_operators_word(block: str, code: str | None) -> None:
    refused = POLICY.unlistable(ipaddress.ip_network(block))
    assert (refused[0] if refused else None) == code


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1/8",
        "2001:db8::1/32",
        "::ffff:10.0.0.0/104",
        "64:ff9b::/96",
        "2002:a9fe::/32",
        "fe80::%1/64",
        "x",
        "",
        "10.0.0.0/33",
        "010.0.0.0/8",
        "10.0.0",
        "::a9fe:a9fe/128",
        "2001::/32",
    ],
)
def test_an_entry_that_could_be_read_two_ways_is_no_network(text: str) -> None:
    assert isinstance(lists.network(text), str)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*.",
        "a..b",
        "A.example",
        "a.example.",
        "8.8.8.8",
        "0x8",
        "a.0x7f",
        "[::1]",
        "a:443",
        "http://a",
        "ä.de",
        "a.*.example",
        "*a.example",
        "a/b",
        "a b",
        "x" * 64 + ".example",
        ".example",
        "-a.example",
    ],
)
def test_an_entry_that_is_no_plain_name_is_no_host(text: str) -> None:
    assert lists.host(text) is not None


@pytest.mark.parametrize("text", ["localhost", "a.example", "*.a.example", "xn--mnchen-3ya.de", "_x.a", "a-b.c"])
def test_a_plain_name_is_a_host(text: str) -> None:
    assert lists.host(text) is None


def test_a_list_comes_back_from_the_store_as_it_was() -> None:
    listed = a_list("10.2.0.0/16", "2001:db8::/32", hosts=("*.a.example",), ports=(443, 8443))
    assert lists.loaded(lists.dumped(listed)) == listed
    assert lists.dumped(OPEN) is None
    assert lists.loaded(None) is OPEN


# Connections


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(
        Policy(networks("127.0.0.1/32"), grantable=networks("127.0.0.0/8")), resolver=Names(["127.0.0.1"])
    )
    await made.start()
    yield made
    await made.close()


async def test_a_connection_is_not_shared_with_another_list(client: Client, receiver: Receiver) -> None:
    url = f"http://a.example:{receiver.port}/"
    named, networked = a_list(hosts=("a.example",)), a_list("127.0.0.0/8")
    for sender in (client, client.within(named), client.within(networked)):
        for _ in range(3):
            await answered(sender, url)
    assert receiver.connections == 3
    await answered(client.within(a_list(hosts=("a.example",))), url)  # an equal list, made anew
    assert receiver.connections == 3


async def test_an_idle_connection_does_not_outlive_a_narrower_list(client: Client, receiver: Receiver) -> None:
    url = f"http://a.example:{receiver.port}/"
    await answered(client, url)
    assert (await failed(client.within(a_list(hosts=("b.example",))), url)).code == "address_not_allowed"
    assert (await failed(client.within(a_list("9.9.9.0/24")), url)).code == "address_not_allowed"
    assert (await failed(client.within(a_list(ports=(1,))), url)).code == "address_not_allowed"
    assert len(receiver.requests) == 1


async def test_a_granted_network_is_dialled_by_those_that_list_it(receiver: Receiver) -> None:
    client = Client(Policy([], grantable=networks("127.0.0.0/8")), resolver=Names(["127.0.0.1"]))
    await client.start()
    url = f"http://a.example:{receiver.port}/"
    assert (await failed(client, url)).code == "address_not_allowed"
    assert (await failed(client.within(a_list(hosts=("a.example",))), url)).code == "address_not_allowed"
    assert (await answered(client.within(a_list("127.0.0.1/32")), url)).status == 200
    assert (await failed(client.within(a_list("127.0.0.2/32")), url)).code == "address_not_allowed"
    await client.close()
