"""The story that Waypost is for: a credential fails, messages pile up, a change drains them in order, once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, Request, answer
from tests.support.waiting import until
from tests.support.waypost import Server, message, number_of

MESSAGES = 500
SECONDS = 60  # generous: it takes a few
SECRET = "the-client-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("story")) as made:
        yield made


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(Expected(client_id="the-client", client_secret=SECRET)) as made:
        yield made


def credential(server: Server, oauth: OAuthServer, secret: str = SECRET) -> str:
    """The id of a new credential."""
    body = {
        "organization": server.made["organization"]["id"], "name": "Keys",
        "environmentId": server.environments["Development"], "grantType": "client_credentials",
        "url": oauth.url, "clientId": "the-client", "clientSecret": secret,
    }  # fmt: skip
    made = server.call("POST", "/platform/v1/authcredentials", body)
    assert made.status == 201, made.body
    return str(made.payload["credential"]["id"])


def numbers(receiver: Receiver) -> list[int]:
    return [number_of(body) for body in receiver.bodies()]


def look_back(server: Server) -> None:
    """The server's log says what was held and nothing that is secret, and the ledger adds up."""
    said = server.said()
    assert "queue.held" in said
    for word in (SECRET, "token-1-of", "00000000", "IDType", "client_secret"):
        assert word not in said
    assert server.cli("check").returncode == 0


class Feed:
    """A source with a subscription to this destination, and the key to send with."""

    def __init__(self, server: Server, **destination: Any) -> None:
        self.server = server
        self.destination = server.destination(**destination)
        self.source = server.source()
        self.client = server.client_id()
        subscription = server.subscribe(self.source, self.destination)
        self._queue = f"/waypost/v1/queues/{subscription['id']}"

    def send(self, count: int) -> None:
        for number in range(count):
            sent = self.server.send(self.client, message(self.destination, self.source, number))
            assert sent.status == 200, sent.body

    def queue(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.call("GET", self._queue).payload["queue"]
        return found

    def is_empty(self) -> bool:
        return bool(self.queue()["depth"] == 0)


def test_a_good_credential_in_place_of_a_refused_one_drains_the_queue(
    server: Server, oauth: OAuthServer, receiver: Receiver
) -> None:
    with OAuthServer(Expected(client_id="the-client", client_secret=SECRET)) as not_trusted:

        def judge(request: Request) -> Reply:
            return answer(200 if oauth.accepts(request.headers) else 401)

        receiver.behave(judge)
        feed = Feed(server, endpoint=receiver.url, authCredential=credential(server, not_trusted))
        feed.send(MESSAGES)
        until(lambda: feed.queue()["state"] == "held")
        held = feed.queue()
        assert (held["depth"], held["lastStatus"]) == (MESSAGES, 401)
        assert set(numbers(receiver)) == {0}  # only the head is tried
        refused = len(receiver.requests)
        path = f"/platform/v1/destinations/{feed.destination['id']}"
        changed = server.call("PATCH", path, {"authCredential": credential(server, oauth)})
        assert changed.status == 200
        until(feed.is_empty, "the draining", seconds=SECONDS)
        assert numbers(receiver)[refused:] == list(range(MESSAGES))
        assert oauth.fetches == 1
    look_back(server)


def test_a_secret_put_right_drains_the_queue(server: Server, oauth: OAuthServer, receiver: Receiver) -> None:
    receiver.behave(lambda request: answer(200 if oauth.accepts(request.headers) else 401))
    wrong = credential(server, oauth, "wrong")
    feed = Feed(server, endpoint=receiver.url, authCredential=wrong)
    feed.send(MESSAGES)
    until(lambda: feed.queue()["state"] == "held")
    assert "invalid_client" in feed.queue()["reason"]
    assert receiver.requests == []  # without a token nothing is sent
    changed = server.call("PATCH", f"/platform/v1/authcredentials/{wrong}", {"clientSecret": SECRET})
    assert changed.status == 200
    until(feed.is_empty, "the draining", seconds=SECONDS)
    assert numbers(receiver) == list(range(MESSAGES))
    assert len(oauth.issued) == 1
    look_back(server)


def test_a_changed_verification_token_drains_the_queue(server: Server, receiver: Receiver) -> None:
    def judge(request: Request) -> Reply:
        return answer(200 if request.headers.get("verification-token") == "good" else 403)

    receiver.behave(judge)
    feed = Feed(server, endpoint=receiver.url, verificationToken="bad")
    feed.send(20)
    until(lambda: feed.queue()["state"] == "held")
    refused = len(receiver.requests)
    path = f"/platform/v1/destinations/{feed.destination['id']}"
    assert server.call("PATCH", path, {"verificationToken": "good"}).status == 200
    until(feed.is_empty)
    assert numbers(receiver)[refused:] == list(range(20))
    look_back(server)
