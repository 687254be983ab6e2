"""Whatever goes wrong holds that queue and no other, with the reason in words."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.authority import Authority
from tests.support.house import House
from tests.support.lanes import Lane, a_message, numbers
from tests.support.receiver import (
    Behaviour,
    Receiver,
    answer,
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
)
from waypost.vault.vault import Vault

MAYBE = "The request may have been processed."
TOO_LATE = f"No answer within 1 s. {MAYBE}"
CLOSED = f"The host closed the connection before it answered. {MAYBE}"
NOT_HTTP = f"The answer is not valid HTTP/1.1, or its headers are too long. {MAYBE}"


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        pytest.param(answer(400), 400, "The endpoint answered 400 Bad Request.", id="400"),
        pytest.param(
            answer(401),
            401,
            "The endpoint answered 401 Unauthorized. Check the destination's credential or verification token.",
            id="401",
        ),
        pytest.param(
            answer(403, {"error": "no"}),
            403,
            "The endpoint answered 403 Forbidden. Check the destination's credential or verification token.",
            id="403",
        ),
        pytest.param(answer(404), 404, "The endpoint answered 404 Not Found.", id="404"),
        pytest.param(answer(429), 429, "The endpoint answered 429 Too Many Requests.", id="429"),
        pytest.param(answer(500), 500, "The endpoint answered 500 Internal Server Error.", id="500"),
        pytest.param(answer(503), 503, "The endpoint answered 503 Service Unavailable.", id="503"),
        pytest.param(answer(599), 599, "The endpoint answered 599.", id="599"),
        pytest.param(early(answer(503)), 503, "The endpoint answered 503 Service Unavailable.", id="early"),
        pytest.param(
            endless_body(500), 500, "The endpoint answered 500 Internal Server Error.", id="endless body"
        ),
        pytest.param(stall(), None, TOO_LATE, id="no answer"),
        pytest.param(drip_headers(), None, TOO_LATE, id="an answer that never ends"),
        pytest.param(reset(), None, CLOSED, id="reset"),
        pytest.param(hang_up(), None, CLOSED, id="hung up"),
        pytest.param(garbage(), None, NOT_HTTP, id="garbage"),
        pytest.param(endless_headers(), None, NOT_HTTP, id="endless headers"),
    ],
)
def test_a_failure_holds_its_queue_and_no_other(
    patient: House,
    receiver: Receiver,
    other: Receiver,
    behaviour: Behaviour,
    status: int | None,
    reason: str,
) -> None:
    receiver.behave(behaviour)
    with (
        Lane(patient, endpoint=receiver.url, timeoutSeconds=1) as bad,
        Lane(patient, endpoint=other.url, source=bad.source) as good,
    ):
        for number in (1, 2):
            both = a_message(bad.source, [bad.destination, good.destination], number)
            assert patient.call("POST", "/endpoint", both, by="source").status == 200
        held = bad.until("held")
        good.until("idle")
        assert (held["reason"], held["lastStatus"], held["depth"]) == (reason, status, 2)
        assert (held["head"]["attempts"], numbers(other)) == (1, [1, 2])
        assert set(numbers(receiver)) <= {1}
        assert len(receiver.requests) == 1
        [attempt] = bad.attempts(held["head"]["logId"])
        assert (attempt.outcome, attempt.status, attempt.reason) == ("failed", status, reason)


def test_a_redirect_is_not_followed(patient: House, receiver: Receiver, other: Receiver) -> None:
    for status in (301, 302, 303, 307, 308):
        receiver.behave(redirect(other.url, status))
        with Lane(patient, endpoint=receiver.url, verificationToken="secret") as lane:
            lane.send(1)
            held = lane.until("held")
            assert held["lastStatus"] == status
            assert "Redirects are not followed" in held["reason"]
    assert other.requests == []


def a_closed_port(_: Path) -> str:
    with Receiver() as gone:
        return gone.url


def a_self_signed_server(folder: Path) -> str:
    receiver = Receiver(tls=Authority(folder).self_signed())
    return receiver.url


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        pytest.param(a_closed_port, "refused the connection: nothing listens on that port", id="refused"),
        pytest.param(lambda _: "http://nowhere.invalid/", "DNS knows no address", id="DNS"),
        pytest.param(a_self_signed_server, "No TLS connection with the host", id="TLS"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_holds_the_queue(
    patient: House, other: Receiver, tmp_path: Path, endpoint: Callable[[Path], str], words: str
) -> None:
    with (
        Lane(patient, endpoint=endpoint(tmp_path)) as bad,
        Lane(patient, endpoint=other.url, source=bad.source) as good,
    ):
        both = a_message(bad.source, [bad.destination, good.destination])
        assert patient.call("POST", "/endpoint", both, by="source").status == 200
        held = bad.until("held", seconds=30)
        good.until("idle")
        assert words in held["reason"]
        assert MAYBE not in held["reason"]
        assert held["lastStatus"] is None


def test_a_destination_without_an_endpoint_holds(patient: House) -> None:
    with Lane(patient) as lane:
        lane.send(1)
        assert lane.until("held")["reason"] == "The destination has no endpoint yet."


def test_a_cloud_destination_without_a_credential_holds(patient: House) -> None:
    settings = {"containerName": "box", "storageAccountName": "account", "fileNamePrefix": ""}
    cloud = {"typeId": "azure", "productId": "databricks", "settings": settings}
    with Lane(patient, cloudProviderSettings=cloud) as lane:
        lane.send(1)
        assert "no auth credential" in lane.until("held")["reason"]


@pytest.mark.parametrize("status", [201, 202, 204])
def test_where_only_200_counts_another_success_holds(patient: House, receiver: Receiver, status: int) -> None:
    receiver.behave(answer(status))
    with Lane(patient, endpoint=receiver.url, successStatus="200") as lane:
        lane.send(1)
        assert lane.until("held")["lastStatus"] == status
        lane.settings(successStatus="2xx")
        lane.until("idle")
    assert numbers(receiver) == [1, 1]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_every_2xx_ends_a_message(patient: House, receiver: Receiver, status: int) -> None:
    receiver.behave(answer(status))
    with Lane(patient, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        lane.until("idle")
        assert lane.state_of(log_id) == "delivered"
        assert [attempt.status for attempt in lane.attempts(log_id)] == [status]
    assert numbers(receiver) == [1]


@pytest.mark.parametrize(
    "behaviour", [endless_body(), lying_length(), answer(200, b"x" * 500_000)], ids=["endless", "lying", "large"]
)
def test_success_is_status_and_headers_whatever_the_body(
    patient: House, receiver: Receiver, behaviour: Behaviour
) -> None:
    receiver.behave(behaviour)
    with Lane(patient, endpoint=receiver.url) as lane:
        lane.send(1, 2)
        lane.until("idle")
    assert numbers(receiver) == [1, 2]


def test_the_beginning_of_a_refusal_is_kept_sealed(patient: House, receiver: Receiver) -> None:
    receiver.behave(answer(500, b"patient Bixby is unknown" + b"." * 5000))
    with Lane(patient, endpoint=receiver.url) as lane:
        [log_id] = lane.send(1)
        held = lane.until("held")
        [attempt] = lane.attempts(log_id)
        assert b"Bixby" not in attempt.answer
        assert "Bixby" not in json.dumps(held)
        vault: Vault = patient.waypost.ground.vault
        kept = patient.read(lambda tx: vault.open(tx, attempt.answer, table="attempt", row=attempt.id))
        assert (len(kept), kept[:24]) == (2048, b"patient Bixby is unknown")


def set_body(house: House, log_id: str, value: object) -> None:
    change = sa.text(
        "UPDATE message SET body = :value WHERE id = (SELECT message_id FROM log WHERE id = :id)"
    ).bindparams(value=value, id=log_id)
    house.write(lambda tx: tx.execute(change) and None)


def body_of(house: House, log_id: str) -> bytes:
    query = sa.text("SELECT m.body FROM message m JOIN log l ON l.message_id = m.id WHERE l.id = :id")
    found = house.read(lambda tx: tx.scalar(query, {"id": log_id}))
    assert isinstance(found, bytes)
    return found


def test_a_body_that_cannot_be_opened_holds_its_queue_in_words(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    with Lane(patient, endpoint=receiver.url) as bad, Lane(patient, endpoint=other.url) as good:
        bad.act("pause")
        [log_id] = bad.send(1)
        body = body_of(patient, log_id)
        set_body(patient, log_id, body[:-1] + bytes([body[-1] ^ 1]))
        bad.act("resume")
        good.send(2)
        held = bad.until("held")
        good.until("idle")
        assert "sealed" in held["reason"]
        assert (numbers(receiver), numbers(other)) == ([], [2])
        set_body(patient, log_id, body)
        bad.act("retry")
        bad.until("idle")
        assert numbers(receiver) == [1]


@pytest.mark.parametrize("patient", ["sqlite"], indirect=True)  # where a column takes what is not its type
def test_a_fault_of_ours_rests_its_queue_and_harms_no_other(
    patient: House, receiver: Receiver, other: Receiver
) -> None:
    with Lane(patient, endpoint=receiver.url) as bad, Lane(patient, endpoint=other.url) as good:
        bad.act("pause")
        [log_id] = bad.send(1)
        body = body_of(patient, log_id)
        set_body(patient, log_id, "no bytes at all, which nothing of ours expects")
        bad.act("resume")
        good.send(*range(5))
        good.until("idle")
        assert (numbers(receiver), numbers(other)) == ([], list(range(5)))
        set_body(patient, log_id, body)
        bad.until("idle")
        assert numbers(receiver) == [1]


def test_a_secret_that_cannot_be_opened_holds_its_queues_in_words(patient: House, receiver: Receiver) -> None:
    with Lane(patient, endpoint=receiver.url, verificationToken="token") as lane:
        spoil = sa.text("UPDATE destination SET token = :spoilt, version = version + 1 WHERE id = :id")
        patient.write(lambda tx: tx.execute(spoil, {"id": lane.destination["id"], "spoilt": bytes(60)}) and None)
        lane.send(1)
        assert "sealing key" in lane.until("held")["reason"]
        assert numbers(receiver) == []
