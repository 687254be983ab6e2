"""The client against real receivers: what it dials, what it sends, and how every misbehaviour ends."""

import asyncio
import gzip
import ipaddress
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.support.receiver import (
    Receiver,
    Reply,
    Wire,
    answer,
    drip_body,
    drip_headers,
    early,
    endless_body,
    endless_headers,
    garbage,
    hang_up,
    lying_length,
    redirect,
    reset,
    stall,
    then_close,
)

from waypost.egress.client import Answer, Client, Unreached
from waypost.egress.policy import Policy

SECRET = "s3cret"


class Names(AbstractResolver):
    """A name server whose answers change from question to question; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0) for ip in found]

    async def close(self) -> None: ...


class Silent(Names):
    """A name server that never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        return []


def policy(*allowed: str) -> Policy:
    return Policy([ipaddress.ip_network(block) for block in allowed])


async def post(client: Client, url: str, **changed: Any) -> Answer | Unreached:
    given: dict[str, Any] = {
        "headers": {"Content-Type": "application/json", "Authorization": f"Bearer {SECRET}"},
        "body": b'{"note":"%s"}' % SECRET.encode(),
        "timeout_seconds": 5.0,
        "https_only": False,
    }
    return await client.send("POST", url, **given | changed)


async def answered(client: Client, url: str, **changed: Any) -> Answer:
    found = await post(client, url, **changed)
    assert isinstance(found, Answer), found
    return found


async def failed(client: Client, url: str, **changed: Any) -> Unreached:
    found = await post(client, f"{url}?token={SECRET}", **changed)
    assert isinstance(found, Unreached), found
    assert SECRET not in found.reason
    return found


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(policy("127.0.0.0/8", "::1/128"))
    await made.start()
    yield made
    await made.close()


# What is dialled


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::",
    ],
)
async def test_a_name_that_leads_to_a_forbidden_address_is_refused_when_dialled(
    receiver: Receiver, address: str
) -> None:
    client = Client(policy(), resolver=Names([address]))
    await client.start()
    found = await failed(client, f"http://innocent.example:{receiver.port}/")
    await client.close()
    assert found.code == "address_not_allowed"
    assert not found.maybe_processed
    assert receiver.connections == 0


async def test_a_name_is_looked_up_by_the_system(client: Client, receiver: Receiver) -> None:
    assert (await answered(client, f"http://localhost:{receiver.port}/")).status == 200


async def test_rebinding_is_stopped_on_the_second_answer() -> None:
    with Receiver(answer(headers={"Connection": "close"}), host="0.0.0.0") as receiver:
        client = Client(policy("127.0.0.1/32"), resolver=Names(["127.0.0.1"], ["127.0.0.2"]))
        await client.start()
        url = f"http://rebinding.example:{receiver.port}/"
        assert (await answered(client, url)).status == 200
        assert (await failed(client, url)).code == "address_not_allowed"
        await client.close()
        assert receiver.connections == 1


async def test_of_several_addresses_only_the_allowed_ones_are_dialled(receiver: Receiver) -> None:
    client = Client(policy("127.0.0.1/32"), resolver=Names(["169.254.169.254", "127.0.0.1", "::1"]))
    await client.start()
    assert (await answered(client, f"http://mixed.example:{receiver.port}/")).status == 200
    await client.close()


async def test_a_refused_connection_beside_a_refused_address_is_told_as_both(receiver: Receiver) -> None:
    receiver.close()
    client = Client(policy("127.0.0.1/32"), resolver=Names(["169.254.169.254", "127.0.0.1"]))
    await client.start()
    found = await failed(client, f"http://mixed.example:{receiver.port}/")
    await client.close()
    assert found.code == "connect"
    assert "Other addresses of it are refused" in found.reason


async def test_wayposts_own_listener_is_refused_when_dialled(receiver: Receiver) -> None:
    guard = policy("0.0.0.0/0", "::/0")
    client = Client(guard, resolver=Names(["127.0.0.1"]))
    await client.start()
    url = f"http://innocent.example:{receiver.port}/"
    receiver.behave(answer(headers={"Connection": "close"}))
    assert (await answered(client, url)).status == 200
    guard.protect("0.0.0.0", receiver.port)
    assert (await failed(client, url)).code == "address_not_allowed"
    await client.close()


async def test_a_url_is_judged_before_anything_is_dialled(client: Client, receiver: Receiver) -> None:
    assert (await failed(client, receiver.url, https_only=True)).code == "https_required"
    assert (await failed(client, "http://10.0.0.1/")).code == "address_not_allowed"
    assert (await failed(client, "ftp://127.0.0.1/")).code == "invalid_url"
    assert receiver.connections == 0


async def test_a_redirect_is_an_answer_and_is_not_followed(client: Client, receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            receiver.behave(redirect(elsewhere.url, status))
            found = await answered(client, receiver.url)
            assert (found.status, found.headers["location"]) == (status, elsewhere.url)
        assert elsewhere.connections == 0


async def test_ambient_proxies_are_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        client = Client(policy("127.0.0.0/8"))
        await client.start()
        await answered(client, receiver.url)
        await client.close()
        assert proxy.connections == 0


# What is sent, and what of the answer is read


async def test_a_request_goes_out_as_given_with_nothing_added(client: Client, receiver: Receiver) -> None:
    await answered(client, f"{receiver.url}a/../b%7e?sig=%2Fx%7E+y", headers={"X-One": "1"})
    (request,) = receiver.requests
    assert (request.method, request.target) == ("POST", "/a/../b%7e?sig=%2Fx%7E+y")
    assert request.body == b'{"note":"s3cret"}'
    assert request.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Waypost",
        "x-one": "1",
        "content-length": "17",
    }
    assert not request.duplicates


async def test_a_request_without_a_body_has_none(client: Client, receiver: Receiver) -> None:
    found = await client.send("GET", receiver.url, headers={}, timeout_seconds=5, https_only=False)
    assert isinstance(found, Answer)
    assert set(receiver.requests[0].headers) == {"host", "user-agent"}


async def test_a_url_beyond_ascii_is_encoded(client: Client, receiver: Receiver) -> None:
    await answered(client, f"{receiver.url}ü?q=ü")
    assert receiver.requests[0].target == "/%C3%BC?q=%C3%BC"


async def test_cookies_are_not_kept(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(headers={"Set-Cookie": "session=1"}))
    await answered(client, receiver.url)
    await answered(client, receiver.url)
    assert "cookie" not in receiver.requests[1].headers


async def test_an_answer_has_lower_case_headers_and_its_body_as_sent(client: Client, receiver: Receiver) -> None:
    packed = gzip.compress(b"plain")
    receiver.behave(answer(202, packed, {"Content-Encoding": "gzip", "Retry-After": "7"}))
    found = await answered(client, receiver.url)
    assert (found.status, found.body, found.complete) == (202, packed, True)
    assert found.headers["retry-after"] == "7"


async def test_repeated_headers_are_joined(client: Client, receiver: Receiver) -> None:
    receiver.behave(garbage(b"HTTP/1.1 200 OK\r\nVia: a\r\nvia: b\r\nContent-Length: 0\r\n\r\n"))
    assert (await answered(client, receiver.url)).headers["via"] == "a, b"


async def test_connections_are_kept_between_calls(client: Client, receiver: Receiver) -> None:
    for _ in range(5):
        await answered(client, receiver.url)
    assert receiver.connections == 1


async def test_a_body_is_read_up_to_the_limit_and_its_connection_dropped(
    client: Client, receiver: Receiver
) -> None:
    receiver.behave(answer(body=b"x" * 5_000_000), answer(body=b"y" * 1000))
    found = await answered(client, receiver.url, most_bytes=1000)
    assert (found.body, found.complete) == (b"x" * 1000, False)
    found = await answered(client, receiver.url, most_bytes=1000)
    assert (found.body, found.complete) == (b"y" * 1000, True)
    assert receiver.connections == 2


async def test_ten_megabytes_go_out_whole(client: Client, receiver: Receiver) -> None:
    body = bytes(range(256)) * 40_000
    await answered(client, receiver.url, body=body)
    assert receiver.requests[0].body == body


# How misbehaviour ends

MISBEHAVIOURS = [
    (hang_up(), "reset"),
    (reset(), "reset"),
    (stall(), "timeout"),
    (drip_headers(), "timeout"),
    (garbage(), "protocol"),
    (garbage(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    (garbage(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "protocol"),
    (garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "protocol"),
    (garbage(b"HTTP/1.1 200 OK\r\nHalf-a-hea"), "reset"),
    (endless_headers(), "protocol"),
]


@pytest.mark.parametrize(("reply", "code"), MISBEHAVIOURS)
async def test_an_unusable_answer_ends_the_call_within_its_time(
    client: Client, receiver: Receiver, reply: Reply, code: str
) -> None:
    receiver.behave(reply)
    began = time.monotonic()
    found = await failed(client, receiver.url, timeout_seconds=0.6)
    assert found.code == code
    assert found.maybe_processed
    assert found.reason.endswith("The request may have been processed.")
    assert time.monotonic() - began < 8


async def test_after_misbehaviour_the_next_call_is_whole(client: Client, receiver: Receiver) -> None:
    for reply, _ in MISBEHAVIOURS:
        receiver.behave(reply, answer(body=b"whole"))
        await failed(client, receiver.url, timeout_seconds=0.3)
        assert (await answered(client, receiver.url)).body == b"whole"


def reset_after_headers(pause: float) -> Reply:
    def play(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n")
        wire.pause(pause)
        wire.reset()

    return Reply(play)


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (drip_body(201), b"."),
        (endless_body(201), b"b" * 1000),
        (lying_length(9, b"ab", 201), b"ab"),
        (reset_after_headers(0.1), b""),
    ],
)
async def test_status_and_headers_stand_when_the_body_never_ends(
    client: Client, receiver: Receiver, reply: Reply, body: bytes
) -> None:
    receiver.behave(reply)
    began = time.monotonic()
    found = await answered(client, receiver.url, timeout_seconds=0.6, most_bytes=1000)
    assert (found.status, found.complete) == (201, False)
    assert found.body.startswith(body)
    assert len(found.body) <= 1000
    assert time.monotonic() - began < 8


async def test_a_post_is_never_sent_twice_by_itself(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(), hang_up(), answer())
    await answered(client, receiver.url)
    assert (await failed(client, receiver.url)).code == "reset"
    assert [request.connection for request in receiver.requests] == [1, 1]


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_the_receivers_failure(
    client: Client, receiver: Receiver
) -> None:
    receiver.behave(then_close(answer()))
    for count in range(1, 21):
        assert (await answered(client, receiver.url)).status == 200
        await receiver.closed(count)
    assert receiver.connections == 20


@pytest.mark.parametrize("reply", [reset(), stall()])
async def test_a_request_that_was_not_taken_whole_was_not_processed(
    client: Client, receiver: Receiver, reply: Reply
) -> None:
    receiver.behave(early(reply))
    found = await failed(client, receiver.url, body=b"x" * 20_000_000, timeout_seconds=1)
    assert found.code in {"reset", "timeout"}
    assert not found.maybe_processed
    assert "may have been processed" not in found.reason


async def test_what_a_stalled_receiver_has_not_taken_is_given_up(client: Client, receiver: Receiver) -> None:
    receiver.behave(early(stall(hang_up())))
    await failed(client, receiver.url, body=b"x" * 20_000_000, timeout_seconds=0.3)
    await receiver.closed(1, 5)


async def test_an_answer_before_the_whole_request_is_read_counts(client: Client, receiver: Receiver) -> None:
    receiver.behave(early(answer(401, headers={"Connection": "close"})), answer(200))
    assert (await answered(client, receiver.url)).status == 401
    assert (await answered(client, receiver.url)).status == 200


async def test_nothing_listening_is_said_so(client: Client, receiver: Receiver) -> None:
    receiver.close()
    found = await failed(client, receiver.url)
    assert (found.code, found.maybe_processed) == ("connect", False)
    assert "nothing listens" in found.reason


async def test_a_name_that_does_not_resolve_is_said_so(client: Client) -> None:
    found = await failed(client, "http://nowhere.invalid/")
    assert (found.code, found.maybe_processed) == ("dns", False)


async def test_a_name_server_that_hangs_ends_at_the_time_for_connecting() -> None:
    client = Client(policy(), resolver=Silent())
    await client.start()
    found = await failed(client, "http://slow.example/", timeout_seconds=0.3)
    await client.close()
    assert (found.code, found.maybe_processed) == ("timeout", False)


async def test_a_timeout_says_its_seconds_and_that_it_may_have_been_processed(
    client: Client, receiver: Receiver
) -> None:
    receiver.behave(stall())
    found = await failed(client, receiver.url, timeout_seconds=0.25)
    assert found.reason == "No answer within 0.25 s. The request may have been processed."


async def test_a_header_that_could_smuggle_another_is_not_sent(client: Client, receiver: Receiver) -> None:
    found = await failed(client, receiver.url, headers={"Authorization": "Bearer x\r\nX-Evil: 1"})
    assert (found.code, found.maybe_processed) == ("protocol", False)
    assert receiver.requests == []


async def test_a_call_that_is_cut_by_closing_the_client_is_told_as_reset(receiver: Receiver) -> None:
    client = Client(policy("127.0.0.0/8"))
    await client.start()
    receiver.behave(stall())
    call = asyncio.create_task(failed(client, receiver.url))
    await receiver.arrived(1)
    await client.close()
    assert (await call).code == "reset"


async def test_a_client_that_was_not_started_refuses_to_send() -> None:
    with pytest.raises(RuntimeError):
        await post(Client(policy()), "https://example.com/")


def test_the_same_holds_on_the_event_loop_of_production(receiver: Receiver) -> None:
    async def calls() -> list[str]:
        client = Client(policy("127.0.0.0/8"))
        await client.start()
        codes = []
        for reply, _ in MISBEHAVIOURS:
            receiver.behave(reply)
            codes.append((await failed(client, receiver.url, timeout_seconds=0.3)).code)
        receiver.behave(answer(204))
        codes.append(str((await answered(client, receiver.url)).status))
        await client.close()
        return codes

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(calls()) == [*(code for _, code in MISBEHAVIOURS), "204"]
