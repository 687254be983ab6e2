"""Quotas from outside: set by the operator, seen by members, and felt by their own environment alone."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import keys
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, a_message, numbers
from tests.support.receiver import Receiver
from tests.support.serving import Answer
from tests.support.stores import STORES
from tests.support.waiting import until
from waypost import app
from waypost.access import operator
from waypost.cli.control import acts
from waypost.subscriptions import store as subscriptions
from waypost.tokens.assertion import public_of

UNBOUND = dict.fromkeys(("messagesPerSecond", "pendingLogs", "destinations", "subscriptions"))
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("quotas")
    with House(folder, on=request.param, allowed_networks=LOOPBACK, retry_schedule=(3600,)) as made:
        made.run(made.waypost.engine.meter.start())
        yield made


@pytest.fixture(autouse=True)
def unbound(house: House) -> Iterator[None]:
    yield
    for environment in ("Development", "Staging"):
        bound(house, environment, **UNBOUND)


def bound(house: House, environment: str = "Development", **quotas: int | None) -> dict[str, Any]:
    """Set quotas as the command line does."""
    params = {"environment": house.environments[environment], "quotas": quotas}
    return house.run(acts.perform(house.waypost, "quotas set", params))


def shown(house: House, environment: str = "Development", by: str = "engineer") -> Answer:
    return house.call("GET", f"/waypost/v1/environments/{house.environments[environment]}/quotas", by=by)


def test_an_environment_begins_without_quotas(house: House) -> None:
    assert shown(house).payload == {"quotas": UNBOUND}
    assert house.run(acts.perform(house.waypost, "quotas list", {})) == {"environments": []}


def test_what_is_set_is_shown_and_what_is_not_named_stays(house: House) -> None:
    assert bound(house, messagesPerSecond=50, destinations=3)["quotas"]["destinations"] == 3
    bound(house, destinations=None)
    assert shown(house).payload == {"quotas": UNBOUND | {"messagesPerSecond": 50}}
    assert shown(house, "Staging").payload == {"quotas": UNBOUND}
    [listed] = house.run(acts.perform(house.waypost, "quotas list", {}))["environments"]
    assert listed == {"id": house.environments["Development"], "quotas": UNBOUND | {"messagesPerSecond": 50}}


def test_each_change_is_audited_once(house: House) -> None:
    before = len(house.events(house.environments["Staging"]))
    for _ in range(2):
        bound(house, "Staging", pendingLogs=9)
    [event] = house.events(house.environments["Staging"])[before:]
    assert (event["type"], event["route"]) == ("environment-quotas-updated", "waypost quotas set")
    assert event["details"]["before"] == UNBOUND
    assert event["details"]["after"] == UNBOUND | {"pendingLogs": 9}


@pytest.mark.parametrize("value", [0, -1, 10**10, "5", 1.5, True])
def test_a_quota_is_a_whole_number_from_1(house: House, value: Any) -> None:
    with pytest.raises(Exception, match="destinations"):
        bound(house, destinations=value)
    assert shown(house).payload == {"quotas": UNBOUND}


def test_an_environment_that_is_not_there_has_none(house: House) -> None:
    with pytest.raises(Exception, match="no such environment"):
        house.run(acts.perform(house.waypost, "quotas set", {"environment": "x", "quotas": {"destinations": 1}}))


def test_nobody_lifts_their_own_quota(house: House) -> None:
    path = f"/waypost/v1/environments/{house.environments['Development']}/quotas"
    for verb in ("PUT", "PATCH", "POST"):
        assert house.call(verb, path, UNBOUND, by="owner").status == 405


def test_a_full_queue_refuses_more_and_loses_nothing(house: House, receiver: Receiver) -> None:
    with Lane(house, endpoint=receiver.url) as lane:
        lane.act("pause")
        lane.send(1, 2)
        bound(house, pendingLogs=3)
        lane.send(3)
        refused = house.call("POST", "/endpoint", lane.body(4), by="source")
        assert refused.status == 429
        assert (refused.headers["retry-after"], refused.headers["x-ratelimit-limit"]) == ("5", "3")
        [error] = refused.json["Meta"]["Errors"]
        assert (error["ID"], error["Module"]) == (429, "Endpoint")
        assert "3 logs of this environment may wait" in error["Text"]
        lane.act("resume")
        lane.until("idle")
        until(lambda: house.call("POST", "/endpoint", lane.body(4), by="source").status == 200, "room")
        lane.until("idle")
        assert numbers(receiver) == [1, 2, 3, 4]


def test_a_batch_is_taken_as_far_as_there_is_room_and_in_order(house: House, receiver: Receiver) -> None:
    with Lane(house, endpoint=receiver.url) as lane:
        lane.act("pause")
        bound(house, pendingLogs=300)
        body = b"\n".join(json.dumps(lane.body(number)).encode() for number in range(600))
        taken = house.call("POST", "/waypost/v1/messages", body, by="source", headers=LINES)
        statuses = [json.loads(line)["status"] for line in taken.body.splitlines()]
        assert statuses == [200] * 300 + [429] * 300
        refused = house.call("POST", "/waypost/v1/messages", body, by="source", headers=LINES)
        assert (refused.status, refused.json["type"]) == (429, "/problems/quota_reached")
        assert refused.headers["retry-after"] == "5"
        lane.act("resume")
        lane.until("idle")
        assert numbers(receiver) == list(range(300))


def test_one_environment_at_its_quota_does_not_slow_another(house: House, receiver: Receiver) -> None:
    """Eight senders knock on Staging's closed door for as long as Development's messages take."""
    there = house.source("Staging"), house.destination("Staging", endpoint="https://127.0.0.1:9/")
    house.subscription(*there, environment="Staging")
    token = staging_token(house)
    body = a_message(there[0], [there[1]])
    assert house.call("POST", "/endpoint", body, token=token).status == 200
    bound(house, "Staging", pendingLogs=1)
    open_ = [True]

    def knock() -> set[int]:
        answered = set()
        while open_:
            answered.add(house.call("POST", "/endpoint", body, token=token).status)
        return answered

    with Lane(house, endpoint=receiver.url) as lane, ThreadPoolExecutor(8) as pool:
        knocking = [pool.submit(knock) for _ in range(8)]
        lane.send(*range(50))
        lane.until("idle")
        open_.clear()
        assert set().union(*(each.result() for each in knocking)) == {429}
        assert numbers(receiver) == list(range(50))


def staging_token(house: House) -> str:
    """A token of an API key of Staging."""
    path = f"/platform/v1/environments/{house.environments['Staging']}/apikeys"
    known = house.household.clients
    if "source of Staging" not in known:
        key_set = {"keys": [public_of(keys.ec("source of Staging"))]}
        made = house.call("POST", path, {"name": "Feed", "jwkSet": key_set})
        known["source of Staging"] = made.payload["apikey"]["id"]
    return house.token("source of Staging")


def test_no_more_destinations_than_there_may_be(house: House) -> None:
    first = house.destination()
    path = f"/platform/v1/environments/{house.environments['Development']}/destinations"
    count = len(house.call("GET", path).payload["destinations"])
    bound(house, destinations=count)
    refused = house.call("POST", path, {"name": "One more"})
    assert (refused.status, refused.json["type"]) == (409, "/problems/quota_reached")
    assert house.call("DELETE", f"/platform/v1/destinations/{first['id']}").status == 200
    assert house.call("POST", path, {"name": "One more"}).status == 201


def test_no_more_subscriptions_than_there_may_be(house: House) -> None:
    first = house.subscription(house.source(), house.destination())
    path = f"/platform/v1/environments/{house.environments['Development']}/subscriptions"
    count = house.read(lambda tx: subscriptions.count_of(tx, house.environments["Development"]))
    bound(house, subscriptions=count)
    source, destination = house.source(), house.destination()
    body = {
        "source": {"id": source["id"]},
        "destination": {"id": destination["id"]},
        "dataModel": "PatientAdmin",
    }
    refused = house.call("POST", path, body)
    assert (refused.status, refused.json["type"]) == (409, "/problems/quota_reached")
    assert house.call("DELETE", f"/waypost/v1/subscriptions/{first['id']}").status == 200
    assert house.call("POST", path, body).status == 201


def test_the_metrics_tell_quotas_and_who_reached_them(house: House, receiver: Receiver) -> None:
    with Lane(house, endpoint=receiver.url) as lane:
        lane.act("pause")
        lane.send(1)
        bound(house, pendingLogs=1)
        assert house.call("POST", "/endpoint", lane.body(2), by="source").status == 429
        told = house.call("GET", "/metrics", by=None).body.decode()
        here = f'environment="{house.environments["Development"]}",quota="pendingLogs"'
        assert f"waypost_quota{{{here}}} 1.0" in told
        assert f"waypost_quota_reached_total{{{here}}}" in told
        lane.act("resume")


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_a_quota_that_was_set_on_another_node_counts_here(house: House, receiver: Receiver) -> None:
    async def there() -> None:
        async with app.opened(house.waypost.ground.settings) as other:
            await other.engine.quotas.change(
                operator("quotas set"), house.environments["Development"], {"pendingLogs": 1}
            )

    with Lane(house, endpoint=receiver.url) as lane:
        lane.act("pause")
        lane.send(1)
        asyncio.run(there())
        until(lambda: house.call("POST", "/endpoint", lane.body(2), by="source").status == 429, "the quota")
        lane.act("resume")
