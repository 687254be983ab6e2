"""The handshake and a message against receivers that behave as the vendor's own samples and a public client do.

Their rules, not their code: redox-sample-nodejs (Apache-2.0) and scala-redox (MIT), as the reference tells them.
"""

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.destinations.calls import path
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, Reply, Request, answer
from tests.support.waypost import number_of

TOKEN = "a-token+/="


def sample_nodejs(request: Request) -> Reply:
    """The vendor's Node sample: the token in the header, always; a GET is answered the bare challenge."""
    if request.headers.get("verification-token") != TOKEN:
        return answer(400, b"Verification token did not match")
    if request.method == "GET":
        return answer(200, parse_qs(urlsplit(request.target).query)["challenge"][0].encode())
    return answer(200) if request.json["Meta"]["DataModel"] else answer(400)


def scala_redox(request: Request) -> Reply:
    """scala-redox: a token in the header makes it a message; only without one is there a challenge in the body."""
    token = request.headers.get("verification-token")
    if token is None:
        sent = request.json
        right = sent.get("verification-token") == TOKEN
        return answer(200, sent["challenge"].encode()) if right else answer(403)
    if token != TOKEN:
        return answer(403)
    return answer(200) if "Meta" in request.json else answer(400)


def newest_pages(request: Request) -> Reply:
    """The vendor's newest pages: both in the query, or both in the body; the answer wraps the challenge."""
    if request.method == "GET":
        sent = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
    else:
        sent = json.loads(request.body)
    if "challenge" not in sent:
        return answer(200 if request.headers["authorization"] == f"Bearer {TOKEN}" else 401)
    return answer(200, {"challenge": sent["challenge"]}) if sent["verification-token"] == TOKEN else answer(403)


@pytest.mark.parametrize(
    ("behaves", "method"),
    [(sample_nodejs, "GET"), (scala_redox, "POST"), (newest_pages, "GET"), (newest_pages, "POST")],
)
def test_the_receiver_is_verified_and_takes_signed_messages(
    house: House, receiver: Receiver, behaves: Callable[[Request], Reply], method: str
) -> None:
    receiver.behave(behaves)
    with Lane(house, endpoint=receiver.url, verificationToken=TOKEN) as lane:
        at = path(lane.destination["id"])
        verified = house.call("POST", at + "/verify", {"verificationMethod": method})
        assert (verified.status, verified.payload["destination"]["verificationStatus"]) == (200, "verified")
        assert house.call("POST", at + "/changeWebhookSigningSecret").status == 200
        lane.send(1, 2)
        lane.until("idle")
        assert [request.method for request in receiver.requests] == [method, "POST", "POST"]
        sent = [number_of(request.json) for request in receiver.requests[1:]]
        assert sent == [1, 2]


@pytest.mark.parametrize(("behaves", "method"), [(sample_nodejs, "GET"), (scala_redox, "POST")])
def test_another_token_is_not_verified(
    house: House, receiver: Receiver, behaves: Callable[[Request], Reply], method: str
) -> None:
    receiver.behave(behaves)
    made = house.destination(endpoint=receiver.url, verificationToken="another")
    assert house.call("POST", path(made) + "/verify", {"verificationMethod": method}).status == 409
