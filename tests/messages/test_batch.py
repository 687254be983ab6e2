"""`POST /waypost/v1/messages`: a result a line, in order, whatever is in the lines and however they come."""

import http.client
import json
from collections.abc import Iterable
from typing import Any

import pytest
import sqlalchemy as sa

from tests.messages.conftest import a_message
from tests.support.house import House
from tests.support.serving import Answer
from tests.support.waiting import until
from waypost.logs.store import log
from waypost.queues.store import entry

PATH = "/waypost/v1/messages"
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def route(house: House) -> dict[str, Any]:
    """A subscription of the Development environment."""
    return house.subscription(house.source(), house.destination())


@pytest.fixture
def message(route: dict[str, Any]) -> bytes:
    return a_message(route["destination"]["id"], source_id=route["source"]["id"])


def send(house: House, body: Any, *, by: str | None = "source", **headers: str) -> Answer:
    return house.call("POST", PATH, body, by=by, headers=NDJSON | headers)


def results(answer: Answer) -> list[dict[str, Any]]:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.body.splitlines()]


def queued(house: House, route: dict[str, Any]) -> list[str]:
    """The log ids in the subscription's queue, in order."""
    query = sa.select(entry.c.log_id).where(entry.c.queue_id == route["id"]).order_by(entry.c.seq)
    return house.read(lambda tx: list(tx.scalars(query)))


def logs_of(found: Iterable[dict[str, Any]]) -> list[str]:
    return [each["Meta"]["Logs"][0]["ID"] for each in found]


def test_each_line_gets_the_answer_of_endpoint(house: House, route: dict[str, Any], message: bytes) -> None:
    [first, second] = results(send(house, message + b"\n" + message + b"\n"))
    alone = house.call("POST", "/endpoint", message, by="source").json["Meta"]
    assert (first["line"], first["status"], second["line"]) == (1, 200, 2)
    assert {**first["Meta"], "Logs": 0} == {**alone, "Logs": 0}
    assert queued(house, route)[:2] == logs_of([first, second])


def test_lines_are_accepted_in_their_order(house: House, route: dict[str, Any], message: bytes) -> None:
    found = results(send(house, b"\n".join([message] * 1000)))
    assert [each["line"] for each in found] == list(range(1, 1001))
    assert queued(house, route) == logs_of(found)


def test_many_lines_share_a_commit(house: House, message: bytes) -> None:
    send(house, message)
    before = house.commits
    assert len(results(send(house, b"\n".join([message] * 1000)))) == 1000
    assert house.commits - before < 100


def test_a_bad_line_refuses_itself_alone(house: House, route: dict[str, Any], message: bytes) -> None:
    unrouted = a_message(route["source"]["id"], source_id=route["source"]["id"])
    query = a_message(route["destination"]["id"], source_id=route["source"]["id"], EventType="PatientQuery")
    body = b"\n".join([b"{", message, unrouted, b"", query, b"\xff", message + b"\r", b"[]", message])
    found = results(send(house, body))
    assert [(each["line"], each["status"]) for each in found] == [
        (1, 400), (2, 200), (3, 400), (5, 400), (6, 400), (7, 200), (8, 400), (9, 200),
    ]  # fmt: skip
    refused = {each["line"]: each["Meta"]["Errors"][0] for each in found if each["status"] == 400}
    assert {line: error["Module"] for line, error in refused.items()} == {
        1: "Validation", 3: "Subscriptions", 5: "Queries", 6: "Validation", 8: "Validation",
    }  # fmt: skip
    assert sorted(refused[3]) == ["ID", "Module", "Text", "Type"]
    assert queued(house, route) == logs_of(each for each in found if each["status"] == 200)


def test_only_bad_lines_store_nothing(house: House, route: dict[str, Any]) -> None:
    unrouted = a_message(route["source"]["id"], source_id=route["source"]["id"])
    before = house.commits
    assert [each["status"] for each in results(send(house, unrouted + b"\n{}"))] == [400, 400]
    assert house.commits == before
    assert results(send(house, b"")) == results(send(house, b"\n\n")) == []


def test_the_same_key_gives_the_same_results_and_no_second_message(
    house: House, route: dict[str, Any], message: bytes
) -> None:
    body = message + b"\n{}\n" + message
    first = results(send(house, body, **{"idempotency-key": "night run"}))
    assert [each["status"] for each in first] == [200, 400, 200]
    assert results(send(house, body, **{"idempotency-key": "night run"})) == first
    assert len(queued(house, route)) == 2


def test_what_was_cut_off_goes_on_under_its_key(house: House, route: dict[str, Any], message: bytes) -> None:
    body = b"\n".join([message] * 5)
    key = {"idempotency-key": "cut off"}
    begun = results(send(house, b"\n".join([message] * 3), **key))
    whole = results(send(house, body, **key))
    assert whole[:3] == begun
    assert queued(house, route) == logs_of(whole)


def test_a_key_for_another_line_is_a_conflict_of_that_line(house: House, message: bytes) -> None:
    key = {"idempotency-key": "twice"}
    send(house, message + b"\n" + message, **key)
    found = results(send(house, message + b"\n" + message + b" \n" + message, **key))
    assert [each["status"] for each in found] == [200, 409, 200]


def test_a_result_comes_before_the_next_line_is_sent(house: House, message: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    try:
        connection.putrequest("POST", PATH)
        for name, value in (NDJSON | {"authorization": f"Bearer {house.token('source')}"}).items():
            connection.putheader(name, value)
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders()
        _chunk(connection, message + b"\n")
        connection.sock.settimeout(30)
        answer = http.client.HTTPResponse(connection.sock, method="POST")
        answer.begin()
        assert json.loads(answer.readline())["line"] == 1
        _chunk(connection, message[:10])
        _chunk(connection, message[10:] + b"\n{}\n")
        assert [json.loads(answer.readline())["status"] for _ in range(2)] == [200, 400]
        _chunk(connection, b"")
        assert answer.read() == b""
    finally:
        connection.close()


def _chunk(connection: http.client.HTTPConnection, data: bytes) -> None:
    connection.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def test_who_reads_only_after_sending_everything_is_answered_too(house: House) -> None:
    """More results than sockets hold, for a sender that looks at none before its last line."""
    found = send(house, (b"{}" + b" " * 300 + b"\n") * 100_000).body.splitlines()
    assert len(found) == 100_000
    assert json.loads(found[-1])["line"] == 100_000


def test_a_line_of_more_than_ten_megabytes_is_refused_alone(house: House, message: bytes) -> None:
    largest = message[:-1] + b',"x":"' + b"x" * (10_000_000 - len(message) - 7) + b'"}'
    body = b"\n".join([message, largest + b" ", largest, message])
    found = results(send(house, body))
    assert [each["status"] for each in found] == [200, 413, 200, 200]
    assert "10 MB" in found[1]["Meta"]["Errors"][0]["Text"]


def test_a_batch_that_says_it_is_too_large_is_refused_whole(house: House) -> None:
    answer = send(house, b" " * 64_000_001)
    assert (answer.status, answer.json["type"]) == (413, "/problems/too_large")
    assert "64 MB" in answer.json["detail"]


def test_one_that_does_not_say_so_ends_where_it_is_too_much(
    house: House, route: dict[str, Any], message: bytes
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
    chunks = [message + b"\n", *[b" " * 1_000_000] * 65, b"\n" + message]
    headers = NDJSON | {"authorization": f"Bearer {house.token('source')}"}
    try:
        connection.request("POST", PATH, iter(chunks), headers, encode_chunked=True)
        found = [json.loads(line) for line in connection.getresponse().read().splitlines()]
    finally:
        connection.close()
    assert [(each["line"], each["status"]) for each in found] == [(1, 200), (2, 413)]
    assert queued(house, route) == logs_of(found[:1])


def test_while_the_store_is_away_nothing_is_taken(house: House, route: dict[str, Any], message: bytes) -> None:
    body = b"\n".join([message, b"{}", message])
    house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE log RENAME TO away") and None)
    try:
        found = results(send(house, body))
    finally:
        house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE away RENAME TO log") and None)
    assert {each["status"] for each in found} == {503}
    assert [each["line"] for each in found] == [1, 2, 3]
    assert queued(house, route) == []
    assert {each["status"] for each in results(send(house, message))} == {200}


def test_a_sender_that_leaves_keeps_what_was_answered(house: House, route: dict[str, Any], message: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    connection.putrequest("POST", PATH)
    for name, value in (NDJSON | {"authorization": f"Bearer {house.token('source')}"}).items():
        connection.putheader(name, value)
    connection.putheader("content-length", "1000000")
    connection.endheaders()
    connection.send(message + b"\n" + message[:20])
    until(lambda: len(queued(house, route)) == 1)
    connection.close()
    assert results(send(house, message))[0]["status"] == 200
    assert len(queued(house, route)) == 2


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("engineer", 403)])
def test_only_a_source_sends(house: House, message: bytes, by: str | None, status: int) -> None:
    answer = send(house, message, by=by)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
def test_another_media_type_is_refused(house: House, message: bytes, media_type: str) -> None:
    assert send(house, message, **{"content-type": media_type}).status == 415


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_is_neither_empty_nor_endless(house: House, message: bytes, key: str) -> None:
    assert send(house, message, **{"idempotency-key": key}).status == 400


def test_a_log_of_a_batch_is_like_any_other(house: House, message: bytes) -> None:
    [found] = results(send(house, message))
    row = house.read(lambda tx: tx.execute(sa.select(log).where(log.c.id == found["Meta"]["Logs"][0]["ID"])).one())
    assert (row.state, row.data_model, row.replay_of) == ("pending", "PatientAdmin", None)
