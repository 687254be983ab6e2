"""Replaying what a search finds: counted first, then in sequence order in the background, over restarts too."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support import logs
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer
from tests.support.serving import Answer
from tests.support.waiting import until
from waypost.db.database import Tx
from waypost.ids import new_id
from waypost.logs.search import MetadataSearch
from waypost.queues import recount
from waypost.replays import running, service, store
from waypost.replays.model import ReplayOfMany, ReplayState

MANY = 2 * running.LOGS_A_PAGE + 30
"""So many that they take three pages."""


def replays(house: House, body: Any = None, by: str = "engineer", environment: str = "Development") -> Answer:
    return house.call("POST", f"/waypost/v1/environments/{house.environments[environment]}/replays", body, by=by)


def progress(house: House, replay_id: str, environment: str = "Development", by: str = "viewer") -> Answer:
    path = f"/waypost/v1/environments/{house.environments[environment]}/replays/{replay_id}"
    return house.call("GET", path, by=by)


def until_done(house: House, replay_id: str) -> dict[str, Any]:
    until(lambda: progress(house, replay_id).payload["replay"]["state"] == "done", "replay done")
    found: dict[str, Any] = progress(house, replay_id).payload["replay"]
    return found


@pytest.fixture
def sent(house: House, route: dict[str, Any]) -> list[str]:
    """Twelve delivered logs."""
    made = [logs.send(house, route, Patient={"Number": number}) for number in range(12)]
    for log_id in made:
        logs.until_state(house, log_id, "delivered")
    return made


@pytest.fixture
def many(house: House, route: dict[str, Any]) -> list[str]:
    """MANY delivered logs."""
    made = logs.send_many(house, route, MANY)
    logs.until_state(house, made[-1], "delivered")
    return made


def numbers(receiver: Receiver, since: int) -> list[int]:
    return [request.json["Patient"]["Number"] for request in receiver.requests[since:]]


@pytest.mark.parametrize("body", [None, {}, {"dryRun": True}])
def test_it_only_counts_unless_told_otherwise(house: House, sent: list[str], body: Any) -> None:
    answered = replays(house, body)
    assert (answered.status, answered.payload) == (200, {"replay": {"dryRun": True, "count": 12}})
    assert house.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM log").scalar()) == 12
    assert "replay-started" not in [event["type"] for event in house.events()]


def test_all_are_sent_again_in_sequence_order(house: House, receiver: Receiver, many: list[str]) -> None:
    answered = replays(house, {"dryRun": False, "status": "succeeded"})
    assert answered.status == 201
    begun = answered.payload["replay"]
    assert (begun["state"], begun["count"], begun["filter"]) == ("running", MANY, {"status": "succeeded"})
    done = until_done(house, begun["id"])
    assert (done["count"], done["replayed"]) == (MANY, MANY)
    assert done["endedAt"] >= done["createdAt"]
    receiver.wait(2 * MANY)
    assert numbers(receiver, MANY) == list(range(MANY))
    assert [request.headers["waypost-replay-of"] for request in receiver.requests[MANY:]] == many
    assert house.read(recount.faults) == []
    [event] = house.events(begun["id"])
    assert (event["type"], event["details"]["count"]) == ("replay-started", MANY)


def test_its_own_logs_are_not_replayed_again(house: House, receiver: Receiver, many: list[str]) -> None:
    first = replays(house, {"dryRun": False}).payload["replay"]["id"]
    until_done(house, first)
    receiver.wait(2 * MANY)
    until(lambda: replays(house).payload["replay"]["count"] == 2 * MANY, "all delivered")
    second = until_done(house, replays(house, {"dryRun": False}).payload["replay"]["id"])
    assert second["replayed"] == 2 * MANY
    assert len(receiver.wait(4 * MANY)) == 4 * MANY


def test_the_search_narrows_it(house: House, receiver: Receiver, route: dict[str, Any], sent: list[str]) -> None:
    other = house.subscription(route["source"], house.destination(endpoint=receiver.url))
    logs.until_state(house, logs.send(house, other, Patient={"Number": 99}), "delivered")
    for wanted, count in (
        ({"destinationId": other["destination"]["id"]}, 1),
        ({"destinationId": route["destination"]["id"]}, 12),
        ({"sourceId": new_id()}, 0),
        ({"status": "failed"}, 0),
        ({"status": "pending"}, 0),
        ({"dataModel": "patient admin"}, 13),
        ({"createdBefore": "2020-01-01T00:00:00Z"}, 0),
        ({"dataMode": "backfill"}, 0),
    ):
        assert replays(house, wanted).payload["replay"]["count"] == count, wanted


def test_what_is_pending_or_has_no_queue_is_left_out(
    house: House, receiver: Receiver, route: dict[str, Any], sent: list[str]
) -> None:
    other = house.subscription(route["source"], house.destination(endpoint=receiver.url))
    logs.until_state(house, logs.send(house, other, Patient={}), "delivered")
    house.call("DELETE", f"/waypost/v1/subscriptions/{other['id']}")
    receiver.behave(answer(500))
    logs.until_attempts(house, logs.send(house, route, Patient={"Number": 12}), 1)
    assert replays(house).payload["replay"]["count"] == 12
    done = until_done(house, replays(house, {"dryRun": False}).payload["replay"]["id"])
    assert done["replayed"] == 12


def test_nothing_to_replay_is_done_at_once(house: House) -> None:
    answered = replays(house, {"dryRun": False})
    assert (answered.status, answered.payload["replay"]["state"]) == (201, "done")


def begun(house: House, count: int) -> str:
    """The id of a replay of everything that nobody carries out yet."""
    environment_id, now = house.environments["Development"], house.clock.now_ms()
    made = ReplayOfMany(new_id(), environment_id, ReplayState.running, {}, count, 0, now, None)

    def insert(tx: Tx) -> None:
        shares = store.shares(tx, environment_id, MetadataSearch(), now)
        assert sum(found for _, found in shares) == count
        store.insert(tx, made, [part for part, _ in shares])

    house.write(insert)
    return made.id


async def twice(running_: running.Running, replay_id: str) -> None:
    """A page, carried out by two at once."""
    await asyncio.gather(running_.step(replay_id), running_.step(replay_id))


def test_two_that_carry_it_out_replay_each_log_once(house: House, receiver: Receiver, many: list[str]) -> None:
    replay_id = begun(house, MANY)
    while progress(house, replay_id).payload["replay"]["state"] != "done":
        house.run(twice(house.waypost.engine.replaying, replay_id))
    assert progress(house, replay_id).payload["replay"]["replayed"] == MANY
    receiver.wait(2 * MANY)
    assert numbers(receiver, MANY) == list(range(MANY))


def test_a_restart_goes_on_where_it_was(tmp_path: Path, receiver: Receiver) -> None:
    with House(tmp_path, allowed_networks=LOOPBACK) as house:
        route = house.subscription(house.source(), house.destination(endpoint=receiver.url))
        logs.until_state(house, logs.send_many(house, route, MANY)[-1], "delivered")
        house.call("POST", f"/waypost/v1/queues/{route['id']}/pause")  # a stop in mid-delivery may repeat one
        replay_id = begun(house, MANY)
        house.run(house.waypost.engine.replaying.step(replay_id))
        assert progress(house, replay_id).payload["replay"]["replayed"] == running.LOGS_A_PAGE
        household = house.household
    with House(tmp_path, allowed_networks=LOOPBACK, keep=household) as house:
        done = until_done(house, replay_id)
        assert (done["count"], done["replayed"]) == (MANY, MANY)
        house.call("POST", f"/waypost/v1/queues/{route['id']}/resume")
        receiver.wait(2 * MANY)
        assert numbers(receiver, MANY) == list(range(MANY))
        assert house.read(recount.faults) == []


def test_what_a_dead_node_leaves_goes_on_on_another_within_fifteen_seconds(
    tmp_path: Path, receiver: Receiver
) -> None:
    with House(tmp_path, on="postgresql", allowed_networks=LOOPBACK) as house:
        route = house.subscription(house.source(), house.destination(endpoint=receiver.url))
        logs.until_state(house, logs.send_many(house, route, MANY)[-1], "delivered")
        replay_id = begun(house, MANY)  # as a node does that dies at once
        until(lambda: progress(house, replay_id).payload["replay"]["replayed"], "going on", seconds=15)
        until_done(house, replay_id)
        receiver.wait(2 * MANY)
        assert numbers(receiver, MANY) == list(range(MANY))


def test_a_subscription_deleted_meanwhile_takes_no_more(
    house: House, receiver: Receiver, route: dict[str, Any], sent: list[str]
) -> None:
    replay_id = begun(house, 12)
    house.call("DELETE", f"/waypost/v1/subscriptions/{route['id']}")
    while house.run(house.waypost.engine.replaying.step(replay_id)):
        pass
    done = progress(house, replay_id).payload["replay"]
    assert (done["state"], done["count"], done["replayed"]) == ("done", 12, 0)
    assert house.read(recount.faults) == []


def test_only_so_many_run_at_a_time(house: House, sent: list[str]) -> None:
    for _ in range(service.MOST_RUNNING):
        begun(house, 12)
    answered = replays(house, {"dryRun": False})
    assert (answered.status, answered.json["type"]) == (409, "/problems/too_many_replays")


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"dryRun": "no", "status": "sent"}, [("/dryRun", "wrong_type"), ("/status", "literal_error")]),
        ({"dryRun": None, "from": 1}, [("/dryRun", "wrong_type"), ("/from", "unknown_field")]),
        ({"createdAfter": "yesterday"}, [("/createdAfter", "invalid_time")]),
        ([], [("", "wrong_type")]),
    ],
)
def test_every_fault_comes_back_at_once(house: House, body: Any, faults: list[tuple[str, str]]) -> None:
    answered = replays(house, body)
    assert (answered.status, sorted(answered.faults)) == (400, faults)


@pytest.mark.parametrize(("by", "status"), [("support", 403), ("viewer", 403), ("outsider", 404), ("source", 403)])
def test_only_an_engineer_may(house: House, by: str, status: int) -> None:
    assert replays(house, {"dryRun": True}, by).status == status


def test_progress_is_for_the_environments_roles(house: House) -> None:
    replay_id = replays(house, {"dryRun": False}).payload["replay"]["id"]
    assert progress(house, replay_id).status == 200
    assert progress(house, replay_id, by="outsider").status == 404
    assert progress(house, replay_id, "Production").status == 404
    assert progress(house, new_id()).status == 404
