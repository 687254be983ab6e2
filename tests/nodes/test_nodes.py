"""Two API nodes and two workers on one PostgreSQL."""

import threading
import time
from typing import Any
from urllib.parse import urlencode

from tests.support.nodes import Node
from tests.support.receiver import Receiver
from tests.support.serving import Client
from tests.support.waiting import until
from tests.support.waypost import Server, message, number_of
from waypost.cli.keypairs import keyfiles
from waypost.folder import Folder
from waypost.tokens import assertion

REVOKED_SECONDS = 5
TAKEN_OVER_SECONDS = 15
SOON_SECONDS = 8
"""Before any lease runs out."""


def numbers(receiver: Receiver) -> list[int]:
    return [number_of(request.json) for request in list(receiver.requests)]


def test_a_change_on_one_api_node_counts_on_the_other(node: Node) -> None:
    one, two = node("api"), node("api")

    # a token of the one holds on the other, and a new subscription routes there at once
    destination, source, client = (
        one.destination(endpoint="https://ward.example.com"),
        one.source(),
        one.client_id(),
    )
    token = one.token(client=client)
    sent = message(destination, source, 1)
    assert two.call("POST", "/endpoint", sent, token=token).status == 400
    subscription = one.subscribe(source, destination)
    assert two.call("POST", "/endpoint", sent, token=token).status == 200
    gone = one.call("DELETE", f"/waypost/v1/subscriptions/{subscription['id']}", {"reason": "moved"})
    assert gone.status == 200
    assert two.call("POST", "/endpoint", sent, token=token).status == 400

    # a role that is taken away, and a key that is revoked
    environment = one.environments["Development"]
    added = one.cli("users", "add", "ann@example.org", f"--env-role={environment}=viewer", "--json")
    path = f"/platform/v1/environments/{environment}/sources"
    hers = one.token(user="ann@example.org")
    assert two.call("GET", path, token=hers).status == 200
    one.cli("users", "remove", "ann@example.org")
    began = time.monotonic()
    until(lambda: two.call("GET", path, token=hers).status == 401, "the end of her token")
    assert time.monotonic() - began < REVOKED_SECONDS, added

    assert one.call("DELETE", f"/platform/v1/apikeys/{client}").status == 200
    began = time.monotonic()
    until(lambda: two.call("POST", "/endpoint", sent, token=token).status == 401, "the end of the key")
    assert time.monotonic() - began < REVOKED_SECONDS


def test_an_assertion_is_spent_on_every_node(node: Node) -> None:
    one = node("api")
    two = node("api")
    key = keyfiles.of_user(Folder(one.data), None)
    two.stop()
    two.environment["WAYPOST_TOKEN_AUDIENCES"] = f"{one.url}/v2/auth/token"
    two.start()
    signed = assertion.assertion(key.privateKey, key.clientId, f"{one.url}/v2/auth/token")
    form = urlencode(assertion.form(signed)).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answers = [Client(each.port)("POST", "/v2/auth/token", form, headers=headers) for each in (one, two, one)]
    assert [answer.status for answer in answers] == [200, 400, 400]


def test_an_api_node_delivers_nothing_and_a_worker_serves_nothing(node: Node) -> None:
    api = node("api")
    with Receiver() as receiver:
        destination, source, client = api.destination(endpoint=receiver.url), api.source(), api.client_id()
        api.subscribe(source, destination)
        assert api.send(client, message(destination, source, 1)).status == 200
        worker = node("worker")
        receiver.wait(1)
        assert Client(worker.port)("GET", "/health/ready").status == 200
        assert Client(worker.port)("GET", "/openapi.json").status in {401, 404}
        assert worker.call("GET", "/platform/v1/organizations", token=api.token()).status == 404

        # a message accepted elsewhere is found soon; so is a change made elsewhere
        began = time.monotonic()
        assert api.send(client, message(destination, source, 2)).status == 200
        receiver.wait(2)
        assert time.monotonic() - began < SOON_SECONDS


def test_a_change_on_an_api_node_wakes_what_a_worker_holds(node: Node) -> None:
    api, _ = node("api"), node("worker")
    with Receiver() as receiver:
        body = {"endpoint": "http://127.0.0.1:9/", "verificationToken": "t"}
        destination, source, client = api.destination(**body), api.source(), api.client_id()
        api.subscribe(source, destination)
        assert api.send(client, message(destination, source, 1)).status == 200
        queues = f"/waypost/v1/environments/{api.environments['Development']}/queues"
        until(lambda: api.call("GET", queues).payload["queues"][0]["state"] == "held", "the hold")
        path = f"/platform/v1/destinations/{destination['id']}"
        assert api.call("PATCH", path, {"endpoint": receiver.url}).status == 200
        receiver.wait(1)


class Load:
    """Messages to many destinations, one after the other, on two API nodes, until told to end."""

    def __init__(self, apis: list[Server], count: int, receiver: Receiver) -> None:
        self.accepted: list[int] = []
        self.refused: list[Any] = []
        self._apis, self._first = apis, apis[0]
        self._source = self._first.source()
        self._destinations = [self._first.destination(endpoint=receiver.url) for _ in range(count)]
        for each in self._destinations:
            self._first.subscribe(self._source, each)
        self._token = self._first.token(client=self._first.client_id())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def destination_of(self, number: int) -> int:
        return number % len(self._destinations)

    def _send(self) -> None:
        number = 0
        while not self._over.wait(0.005):
            number += 1
            sent = message(self._destinations[self.destination_of(number)], self._source, number)
            answer = self._apis[number % len(self._apis)].call("POST", "/endpoint", sent, token=self._token)
            if answer.status == 200:
                self.accepted.append(number)
            else:
                self.refused.append(answer)


def verdict(load: Load, receiver: Receiver, *, most_repeats: int) -> None:
    """Nothing lost, nothing out of order, few repeats."""
    until(lambda: set(load.accepted) <= set(numbers(receiver)), "the delivery of everything", seconds=30)
    first_seen = list(dict.fromkeys(numbers(receiver)))
    by_queue: dict[int, list[int]] = {}
    for number in first_seen:
        by_queue.setdefault(load.destination_of(number), []).append(number)
    assert all(each == sorted(each) for each in by_queue.values())
    assert len(receiver.requests) - len(first_seen) <= most_repeats


def test_the_queues_of_a_killed_worker_move_within_fifteen_seconds(node: Node) -> None:
    apis = [node("api"), node("api")]
    workers = [node("worker"), node("worker")]
    until(lambda: "owned=32" in workers[1].said() or '"owned": 32' in workers[1].said(), "an even share")
    with Receiver() as receiver:
        with Load(apis, 16, receiver) as load:
            receiver.wait(50)
            workers[0].kill()
            killed = time.monotonic()
            before = set(load.accepted)
            until(lambda: before <= set(numbers(receiver)), "the take-over", seconds=TAKEN_OVER_SECONDS + 5)
            assert time.monotonic() - killed < TAKEN_OVER_SECONDS
        verdict(load, receiver, most_repeats=16)


def test_a_worker_that_is_stopped_hands_over_at_once(node: Node) -> None:
    api = node("api")
    workers = [node("worker"), node("worker")]
    with Receiver() as receiver:
        with Load([api], 8, receiver) as load:
            receiver.wait(20)
            assert workers[0].stop() == 0
            stopped = time.monotonic()
            before = set(load.accepted)
            until(lambda: before <= set(numbers(receiver)), "the hand-over")
            assert time.monotonic() - stopped < SOON_SECONDS
        verdict(load, receiver, most_repeats=0)
