"""Signatures as receivers check them: with the public library of Standard Webhooks."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from waypost import signatures

BODY = '{"Name":"Jörg \\u00e9"}'.encode()


def signed(*keys: str, body: bytes = BODY, at_ms: int | None = None) -> dict[str, str]:
    return signatures.headers("log-7", at_ms or round(time.time() * 1000), body, keys)


def test_the_public_library_takes_our_signature() -> None:
    key = signatures.new_secret()
    assert Webhook(key).verify(BODY, signed(key)) == {"Name": "Jörg é"}


def test_the_specifications_own_example_comes_out_letter_by_letter() -> None:
    key, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = signatures.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330_000, body, [key])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_replaced_both_are_taken() -> None:
    old, new = signatures.new_secret(), signatures.new_secret()
    headers = signed(new, old)
    assert headers["webhook-signature"].count("v1,") == 2
    for key in (old, new):
        Webhook(key).verify(BODY, headers)


def test_another_secret_another_body_and_another_time_are_refused() -> None:
    key = signatures.new_secret()
    moved = signed(key) | {"webhook-timestamp": str(round(time.time()) + 1)}
    renamed = signed(key) | {"webhook-id": "log-8"}
    changed = [
        (signatures.new_secret(), BODY, signed(key)),
        (key, BODY + b" ", signed(key)),
        (key, BODY, moved),
        (key, BODY, renamed),
        (key, BODY, signed(key, at_ms=1_700_000_000_000)),
    ]
    for secret, body, headers in changed:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


def test_a_secret_is_32_random_bytes() -> None:
    made = {signatures.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(key.removeprefix("whsec_"), validate=True)) for key in made} == {32}


def test_without_a_secret_there_are_no_headers() -> None:
    assert signed() == {}
