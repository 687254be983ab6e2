"""The demo's token server and receivers refuse what they should: else nothing would be held."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from waypost.demo.receiver import Receiver, TokenServer


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers or {}, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    server = TokenServer()
    yield server
    server.close()


@pytest.fixture
def receiver(tokens: TokenServer) -> Iterator[Receiver]:
    server = Receiver("first", tokens, "client", "verification")
    yield server
    server.close()


def ask(tokens: TokenServer, secret: str) -> tuple[int, bytes]:
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": secret}
    return post(tokens.url, urlencode(form).encode())


def deliver(receiver: Receiver, token: str, verification: str = "verification") -> int:
    headers = {"authorization": f"Bearer {token}", "verification-token": verification, "waypost-sequence": "7"}
    status, _ = post(receiver.url, b'{"Meta":{"Logs":[{"ID":"log"}]}}', headers)
    return status


def test_a_client_with_its_secret_gets_a_token_that_the_receiver_takes(
    tokens: TokenServer, receiver: Receiver
) -> None:
    status, answer = ask(tokens, tokens.register("client"))
    assert status == 200
    assert deliver(receiver, json.loads(answer)["access_token"]) == 200
    assert [(got.log_id, got.sequence) for got in receiver.got] == [("log", 7)]


def test_a_wrong_secret_gets_no_token(tokens: TokenServer) -> None:
    tokens.register("client")
    assert ask(tokens, "guessed")[0] == 401


def test_after_revocation_neither_the_secret_nor_an_old_token_holds(
    tokens: TokenServer, receiver: Receiver
) -> None:
    secret = tokens.register("client")
    token = json.loads(ask(tokens, secret)[1])["access_token"]
    tokens.revoke("client")
    assert ask(tokens, secret)[0] == 401
    assert deliver(receiver, token) == 401
    assert (receiver.got, receiver.refused) == ([], 1)


def test_a_receiver_refuses_another_verification_token(tokens: TokenServer, receiver: Receiver) -> None:
    token = json.loads(ask(tokens, tokens.register("client"))[1])["access_token"]
    assert deliver(receiver, token, "another") == 401
