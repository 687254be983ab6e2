"""The ledger: both sides equal at any time, whatever happened, and the rows say the same."""

from typing import Any

import pytest

from tests.support import logs
from tests.support.house import House
from tests.support.receiver import Receiver, answer
from waypost.ids import new_id
from waypost.queues import recount

NOTHING = {"accepted": 0, "replayed": 0, "delivered": 0, "pending": 0, "filtered": 0, "skipped": 0, "parked": 0}


def ledger(house: House, environment: str = "Development", query: str = "", by: str = "viewer") -> Any:
    answered = house.call(
        "GET", f"/waypost/v1/environments/{house.environments[environment]}/ledger{query}", by=by
    )
    assert answered.status == 200, answered.body
    counts = answered.payload["ledger"]
    ends = ("delivered", "pending", "filtered", "skipped", "parked")
    assert counts["accepted"] + counts["replayed"] == sum(counts[end] for end in ends)
    assert house.read(recount.faults) == []
    return answered.payload


def test_an_environment_without_traffic_has_an_empty_ledger(house: House) -> None:
    assert ledger(house, "Staging") == {"ledger": NOTHING, "subscriptions": []}


def test_every_way_a_log_can_go_is_counted(house: House, receiver: Receiver, route: dict[str, Any]) -> None:
    first = logs.send(house, route)
    logs.until_state(house, first, "delivered")
    receiver.behave(answer(500))
    second = logs.send(house, route)
    logs.until_attempts(house, second, 1)
    logs.send(house, route)
    assert ledger(house)["ledger"] == NOTHING | {"accepted": 3, "delivered": 1, "pending": 2}

    skipped = house.call("POST", f"/waypost/v1/queues/{route['id']}/skip", {"logId": second, "reason": "no"})
    assert skipped.status == 200
    assert ledger(house)["ledger"] == NOTHING | {"accepted": 3, "delivered": 1, "skipped": 1, "pending": 1}

    assert house.call("POST", f"/waypost/v1/logs/{first}/replay").status == 201
    counts = NOTHING | {"accepted": 3, "replayed": 1, "delivered": 1, "skipped": 1, "pending": 2}
    found = ledger(house)
    assert found["ledger"] == counts
    assert found["subscriptions"] == [
        {
            "subscription": {"id": route["id"]},
            "destination": {"id": route["destination"]["id"]},
            "closedAt": None,
            **counts,
        }
    ]


def test_a_closed_queue_still_counts(house: House, receiver: Receiver, route: dict[str, Any]) -> None:
    receiver.behave(answer(500))
    logs.until_attempts(house, logs.send(house, route), 1)
    gone = house.call("DELETE", f"/platform/v1/destinations/{route['destination']['id']}?reason=moved")
    assert gone.status == 200
    found = ledger(house)
    assert found["ledger"] == NOTHING | {"accepted": 1, "skipped": 1}
    assert found["subscriptions"][0]["closedAt"] is not None


def test_the_counters_survive_what_they_count(house: House, route: dict[str, Any]) -> None:
    logs.until_state(house, logs.send(house, route), "delivered")
    before = ledger(house)

    def purge(tx: Any) -> None:
        for table in ("entry", "attempt", "log", "message"):
            tx.exec_driver_sql(f"DELETE FROM {table}")

    house.write(purge)
    path = f"/waypost/v1/environments/{house.environments['Development']}/ledger"
    assert house.call("GET", path).payload == before


def test_subscriptions_come_in_pages_and_the_sum_is_of_all(house: House, route: dict[str, Any]) -> None:
    other = house.subscription(route["source"], house.destination(endpoint="http://127.0.0.1:9/"))
    logs.until_state(house, logs.send(house, route), "delivered")
    logs.send(house, other)
    path = f"/waypost/v1/environments/{house.environments['Development']}/ledger?_count=1"
    seen, cursor = [], ""
    for _ in range(2):
        page = house.call("GET", path + cursor)
        assert page.payload["ledger"] == NOTHING | {"accepted": 2, "delivered": 1, "pending": 1}
        seen += [line["subscription"]["id"] for line in page.payload["subscriptions"]]
        cursor = f"&_cursor={page.json['meta']['page'].get('nextCursor')}"
    assert seen == sorted([route["id"], other["id"]])
    assert cursor == "&_cursor=None"


def test_recounting_finds_a_replay_that_is_not_counted(house: House, route: dict[str, Any]) -> None:
    log_id = logs.send(house, route)
    logs.until_state(house, log_id, "delivered")
    again = house.call("POST", f"/waypost/v1/logs/{log_id}/replay").payload["log"]["id"]
    logs.until_state(house, again, "delivered")
    assert house.read(recount.faults) == []
    house.write(lambda tx: tx.exec_driver_sql("UPDATE queue_tail SET replayed = 0") and None)
    assert house.read(recount.faults) == [
        f"Subscription {route['id']}: its counters say 0 replayed, its logs say 1."
    ]


@pytest.mark.parametrize(("by", "status"), [("viewer", 200), ("outsider", 404), ("source", 403), (None, 401)])
def test_every_role_of_the_environment_may_look(house: House, by: str | None, status: int) -> None:
    path = f"/waypost/v1/environments/{house.environments['Development']}/ledger"
    assert house.call("GET", path, by=by).status == status
    assert house.call("GET", f"/waypost/v1/environments/{new_id()}/ledger").status == 404
