"""What a receiver missed: metadata in sequence order, with nothing turning up behind what was shown."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import logs
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer
from tests.support.serving import Answer
from waypost.ids import new_id


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("deliveries")
    with House(folder, allowed_networks=LOOPBACK, retry_schedule=(3600,)) as made:
        yield made


def deliveries(house: House, destination_id: str, query: str = "", by: str | None = "viewer") -> Answer:
    return house.call("GET", f"/waypost/v1/destinations/{destination_id}/deliveries{query}", by=by)


def test_each_log_is_shown_with_its_state(house: House, receiver: Receiver, route: dict[str, Any]) -> None:
    delivered = logs.send(house, route)
    logs.until_state(house, delivered, "delivered")
    again = house.call("POST", f"/waypost/v1/logs/{delivered}/replay").payload["log"]["id"]
    logs.until_state(house, again, "delivered")
    receiver.behave(answer(500))
    held = logs.send(house, route)
    logs.until_attempts(house, held, 1)
    shown = deliveries(house, route["destination"]["id"]).payload["deliveries"]
    assert [(each["sequence"], each["logId"], each["state"], each["replayOf"]) for each in shown] == [
        (1, delivered, "delivered", None),
        (2, again, "delivered", delivered),
        (3, held, "pending", None),
    ]
    assert (shown[0]["source"], shown[0]["attempts"]) == ({"id": route["source"]["id"]}, 1)
    assert (shown[0]["dataModel"], shown[0]["eventType"]) == ("PatientAdmin", "NewPatient")
    assert shown[0]["endedAt"] >= shown[0]["acceptedAt"]
    assert shown[2]["endedAt"] is None


def test_it_goes_on_behind_what_was_seen(house: House, route: dict[str, Any]) -> None:
    sent = [logs.send(house, route) for _ in range(5)]
    seen: list[str] = []
    after, more = 0, True
    while more:
        found = deliveries(house, route["destination"]["id"], f"?after={after}&_count=2")
        seen += [each["logId"] for each in found.payload["deliveries"]]
        after, more = (found.json["meta"]["page"][name] for name in ("nextAfter", "more"))
    assert (seen, after) == (sent, 5)
    empty = deliveries(house, route["destination"]["id"], "?after=5")
    assert (empty.payload["deliveries"], empty.json["meta"]["page"]["nextAfter"]) == ([], 5)


def test_nothing_turns_up_behind_what_was_shown(house: House, route: dict[str, Any]) -> None:
    over = threading.Event()

    def watch() -> list[int]:
        seen: list[int] = []
        after, last_look = 0, False
        while not last_look:
            last_look = over.is_set()
            found = deliveries(house, route["destination"]["id"], f"?after={after}&_count=500")
            seen += [each["sequence"] for each in found.payload["deliveries"]]
            after = found.json["meta"]["page"]["nextAfter"]
        return seen

    with ThreadPoolExecutor(9) as pool:
        watching = pool.submit(watch)
        sent = list(pool.map(lambda _: logs.send(house, route), range(200)))
        over.set()
        assert watching.result() == list(range(1, len(sent) + 1))


@pytest.mark.parametrize(
    ("by", "status"),
    [("engineer", 200), ("support", 200), ("viewer", 200), ("source", 200), ("outsider", 404), (None, 401)],
)
def test_it_is_for_the_environments_own(house: House, route: dict[str, Any], by: str | None, status: int) -> None:
    assert deliveries(house, route["destination"]["id"], by=by).status == status


def test_a_source_of_another_environment_sees_nothing(house: House) -> None:
    far = house.destination("Production")
    assert deliveries(house, far["id"], by="source").status == 404
    assert deliveries(house, far["id"], by="viewer").status == 200


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", f"?after={2**63}", "?_count=0", "?_count=501"])
def test_what_is_no_place_in_the_order_is_refused(house: House, route: dict[str, Any], query: str) -> None:
    assert deliveries(house, route["destination"]["id"], query).status == 400


def test_a_destination_that_is_not_there_has_none(house: House, route: dict[str, Any]) -> None:
    assert deliveries(house, new_id()).status == 404
    assert deliveries(house, "nonsense").status == 404
    assert house.call("DELETE", f"/platform/v1/destinations/{route['destination']['id']}").status == 200
    assert deliveries(house, route["destination"]["id"]).status == 404
