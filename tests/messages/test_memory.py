"""Bodies that are being received are bounded in bytes over all requests."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.messages.conftest import a_message
from tests.support.house import House
from tests.support.waiting import until

LARGE = 9_000_000


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that takes 16 MB at once."""
    with House(tmp_path_factory.mktemp("narrow"), deliver=False, body_memory_mb=48) as made:
        yield made


@pytest.fixture
def message(narrow: House) -> bytes:
    route = narrow.subscription(narrow.source(), narrow.destination())
    return a_message(route["destination"]["id"], source_id=route["source"]["id"])


class Slow:
    """A request whose body comes in two parts."""

    def __init__(self, house: House, path: str, media_type: str, body: bytes, first: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
        self._connection.putrequest("POST", path)
        self._connection.putheader("authorization", f"Bearer {house.token('source')}")
        self._connection.putheader("content-type", media_type)
        self._connection.putheader("content-length", str(len(body)))
        self._connection.endheaders(body[:first])
        self._rest = body[first:]

    def end(self) -> tuple[int, bytes]:
        self._connection.send(self._rest)
        answer = self._connection.getresponse()
        found = answer.status, answer.read()
        self._connection.close()
        return found


def used(house: House) -> int:
    found: int = house.waypost.faces.http.state.bodies.used
    return found


def large(message: bytes) -> bytes:
    return json.dumps(json.loads(message) | {"Notes": "x" * LARGE}).encode()


def post(house: House, body: Any) -> Any:
    return house.call("POST", "/endpoint", body, by="source", headers={"content-type": "application/json"})


def test_a_large_message_is_refused_while_others_leave_no_room_and_small_ones_pass(
    narrow: House, message: bytes
) -> None:
    first = Slow(narrow, "/endpoint", "application/json", large(message), LARGE)
    until(lambda: used(narrow) > LARGE * 0.9, "the first one's being read")
    refused = post(narrow, large(message))
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert refused.json["Meta"]["Errors"][0]["Module"] == "Endpoint"
    assert post(narrow, message).status == 200
    assert first.end()[0] == 200
    until(lambda: not used(narrow), "its giving the room back")
    assert post(narrow, large(message)).status == 200


def test_a_batch_is_not_read_on_until_there_is_room(narrow: House, message: bytes) -> None:
    first = Slow(narrow, "/endpoint", "application/json", large(message), LARGE)
    until(lambda: used(narrow) > LARGE * 0.9, "the first one's being read")
    lines = message + b"\n" + large(message)
    batch = Slow(narrow, "/waypost/v1/messages", "application/x-ndjson", lines, len(lines) // 10)
    assert first.end()[0] == 200
    status, body = batch.end()
    assert [status, *(json.loads(line)["status"] for line in body.splitlines())] == [200, 200, 200]
    until(lambda: not used(narrow), "its giving the room back")


def test_a_batch_ends_where_there_is_no_room_in_time(narrow: House, message: bytes) -> None:
    others = [Slow(narrow, "/endpoint", "application/json", large(message), 8_000_000) for _ in range(2)]
    until(lambda: used(narrow) > 15_000_000, "the others' being read")
    lines = message + b"\n" + large(message) + b"\n" + message
    answer = narrow.call(
        "POST", "/waypost/v1/messages", lines, by="source", headers={"content-type": "application/x-ndjson"}
    )
    [first, last] = [json.loads(line) for line in answer.body.splitlines()]
    assert (first["status"], last["line"], last["status"]) == (200, 2, 503)
    assert [other.end()[0] for other in others].count(200) >= 1
    until(lambda: not used(narrow), "its giving the room back")
