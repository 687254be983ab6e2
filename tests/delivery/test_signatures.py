"""Signed deliveries, checked by the public library of Standard Webhooks; and how one secret follows another."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Request, answer
from tests.support.stores import STORES
from waypost import app
from waypost.credentials import sending
from waypost.destinations import store as destinations
from waypost.destinations.secrets import Secrets, open_secrets
from waypost.destinations.signing import MOST_KEYS, OVERLAP_MS

AN_HOUR_MS = 3_600_000


def change(house: House, destination: dict[str, Any]) -> str:
    path = f"/platform/v1/destinations/{destination['id']}/changeWebhookSigningSecret"
    made = house.call("POST", path)
    assert made.status == 200, made.body
    return str(made.payload["secret"])


def signatures(request: Request) -> list[str]:
    return request.headers["webhook-signature"].split(" ")


def would_sign(secret: str, request: Request) -> str:
    """What the public library signs this request with, at the time that the request names."""
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(request.headers["webhook-id"], at, request.body.decode())


def test_without_a_secret_a_delivery_has_no_signature(patient: House, receiver: Receiver) -> None:
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1)
        [came] = receiver.wait(1)
        assert not [name for name in came.headers if name.startswith("webhook-")]


def test_the_public_library_takes_every_delivery(patient: House, receiver: Receiver) -> None:
    with Lane(patient, endpoint=receiver.url, verificationToken="t0ken") as lane:
        secret = change(patient, lane.destination)
        logs = lane.send(1, 2, 3)
        came = receiver.wait(3)
        assert [each.headers["webhook-id"] for each in came] == logs
        for each in came:
            assert Webhook(secret).verify(each.body, each.headers) == each.json
        assert came[0].headers["verification-token"] == "t0ken"


def test_a_retry_keeps_the_id_and_signs_its_own_bytes_and_time(quick: House, receiver: Receiver) -> None:
    receiver.behave(answer(500), answer(200))
    with Lane(quick, endpoint=receiver.url) as lane:
        secret = change(quick, lane.destination)
        [log_id] = lane.send(1)
        first, second = receiver.wait(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == log_id
        assert first.body != second.body
        for each in (first, second):
            Webhook(secret).verify(each.body, each.headers)


def test_a_replay_is_a_message_of_its_own(patient: House, receiver: Receiver) -> None:
    with Lane(patient, endpoint=receiver.url) as lane:
        secret = change(patient, lane.destination)
        [log_id] = lane.send(1)
        receiver.wait(1)
        lane.until("idle")
        assert patient.call("POST", f"/waypost/v1/logs/{log_id}/replay").status in {200, 201}
        second = receiver.wait(2)[1]
        assert second.headers["waypost-replay-of"] == log_id != second.headers["webhook-id"]
        Webhook(secret).verify(second.body, second.headers)


def test_a_new_secret_signs_at_once_and_tries_a_held_queue(patient: House, receiver: Receiver) -> None:
    old = ""

    def picky(came: Request) -> Any:
        return answer(401 if signatures(came) == [would_sign(old, came)] else 200)

    receiver.behave(picky)
    with Lane(patient, endpoint=receiver.url) as lane:
        old = change(patient, lane.destination)
        lane.send(1)
        lane.until("held")
        new = change(patient, lane.destination)
        lane.until("idle")
        came = receiver.wait(2)[1]
        assert signatures(came) == [would_sign(new, came), would_sign(old, came)]


def test_a_signature_stands_beside_a_credential(patient: House, receiver: Receiver) -> None:
    with OAuthServer(Expected(client_id="a", client_secret="b")) as oauth:
        tenant = patient.household.clinic
        body = {
            "organization": tenant.id, "name": "Keys", "environmentId": tenant.development,
            "grantType": "client_credentials", "url": oauth.url, "clientId": "a", "clientSecret": "b",
        }  # fmt: skip
        made = patient.call("POST", "/platform/v1/authcredentials", body)
        credential = made.payload["credential"]["id"]
        with Lane(patient, endpoint=receiver.url, authCredential=credential) as lane:
            secret = change(patient, lane.destination)
            lane.send(1)
            [came] = receiver.wait(1)
            assert came.headers["authorization"].startswith("Bearer ")
            Webhook(secret).verify(came.body, came.headers)


def test_no_credential_can_speak_for_the_signature() -> None:
    ours = {
        "Content-Type": "application/json",
        "webhook-id": "a",
        "webhook-timestamp": "1",
        "webhook-signature": "s",
    }
    theirs = {"Webhook-Signature": "forged", "WEBHOOK-ID": "x", "content-type": "text/plain", "authorization": "B"}
    assert sending.merged(ours, theirs) == {
        "content-type": "text/plain",
        "webhook-id": "a",
        "webhook-timestamp": "1",
        "webhook-signature": "s",
        "authorization": "B",
    }
    assert sending.merged({}, {"Webhook-Id": "its own"}) == {"Webhook-Id": "its own"}


@pytest.fixture(scope="module", params=STORES)
def apart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose clock may be moved."""
    folder = tmp_path_factory.mktemp("apart")
    with House(folder, on=request.param, allowed_networks=LOOPBACK, retry_schedule=(3600,)) as made:
        yield made


def test_the_old_secret_signs_for_a_day_by_the_clock(apart: House, receiver: Receiver) -> None:
    with Lane(apart, endpoint=receiver.url) as lane:
        old = change(apart, lane.destination)
        new = change(apart, lane.destination)
        body = json.dumps(lane.body()).encode()
        environment = apart.environments["Development"]

        def sent(ahead_ms: int, number: int) -> list[str]:
            apart.clock.ahead_ms = ahead_ms
            apart.run(apart.waypost.engine.intake.accept(environment, body))
            came = receiver.wait(number)[-1]
            names = {would_sign(old, came): "old", would_sign(new, came): "new"}
            return [names[each] for each in signatures(came)]

        try:
            assert sent(0, 1) == ["new", "old"]
            assert sent(OVERLAP_MS - AN_HOUR_MS, 2) == ["new", "old"]
            assert sent(OVERLAP_MS + 1000, 3) == ["new"]
        finally:
            apart.clock.ahead_ms = 0


def test_secrets_and_their_ends_survive_a_restart(apart: House) -> None:
    destination = apart.destination(endpoint="https://ward.example.com")
    made = [change(apart, destination) for _ in range(MOST_KEYS + 2)]
    now = round(time.time() * 1000)

    async def as_another_process_finds_them() -> Secrets:
        async with app.opened(apart.waypost.ground.settings) as opened:
            return await opened.ground.db.read(
                lambda tx: open_secrets(tx, opened.ground.vault, destinations.row(tx, destination["id"]))
            )

    found = asyncio.run(as_another_process_finds_them())
    assert found.signing_at(now) == made[::-1][:MOST_KEYS]
    assert found.signing_at(now + OVERLAP_MS - 60_000) == made[::-1][:MOST_KEYS]
    assert found.signing_at(now + OVERLAP_MS) == [made[-1]]
    assert made[0] not in repr(found)
    assert made[-1] not in repr(found)


def test_other_secrets_of_a_destination_outlive_a_change(apart: House, receiver: Receiver, tmp_path: Path) -> None:
    with Lane(apart, endpoint=receiver.url, verificationToken="t0ken") as lane:
        secret = change(apart, lane.destination)
        lane.patch(verificationToken="another")
        lane.send(1)
        [came] = receiver.wait(1)
        assert came.headers["verification-token"] == "another"
        Webhook(secret).verify(came.body, came.headers)
