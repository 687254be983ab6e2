"""What `/metrics` says of the store: the figures of each environment, on both stores; or that it is away.

From outside loopback it says that to the bearer of its token alone.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send
from tests.support import tenants
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.serving import Client, Serving
from tests.support.stores import STORES

from waypost.metrics import Metrics
from waypost.web import root

TOKEN = "for-the-scraper"
ELSEWHERE = "203.0.113.7"
Figures = dict[tuple[str, frozenset[str]], float]
"""Values by name and by the labels' values."""
NEVER_ENOUGH = 10**18


def figures(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("metrics")
    settings: dict[str, Any] = {"allowed_networks": LOOPBACK, "retry_schedule": (36000,)}
    asked: dict[str, Any] = {"metrics_token": TOKEN, "trusted_proxies": "127.0.0.1"}
    with House(place, on=request.param, **settings, **asked) as made:
        yield made


def scrape(house: House) -> Figures:
    return figures(Client(house.port)("GET", "/metrics").body.decode())


@pytest.mark.parametrize(
    ("origin", "token", "status"),
    [
        (ELSEWHERE, TOKEN, 200),
        (ELSEWHERE, TOKEN[:-1], 401),
        (ELSEWHERE, None, 401),
        ("127.0.0.1", None, 200),
    ],
)
def test_from_outside_loopback_they_are_for_the_bearer_of_the_token(
    house: House, origin: str, token: str | None, status: int
) -> None:
    answered = house.call("GET", "/metrics", by=None, token=token, headers={"X-Forwarded-For": origin})
    assert answered.status == status
    assert (b"waypost_" in answered.body) is (status == 200)


def test_every_environment_stands_as_its_queues_do(house: House) -> None:
    with (
        Receiver() as well,
        Receiver(answer(503)) as ill,
        Lane(house, endpoint=well.url) as idle,
        Lane(house, endpoint=ill.url) as held,
        Lane(house, endpoint=well.url) as paused,
    ):
        (log_id,) = idle.send(1)
        idle.until("idle")
        assert house.call("POST", f"/waypost/v1/logs/{log_id}/replay").status == 201
        well.wait(2)
        idle.until("idle")
        held.send(2, 3)
        held.until("held")
        paused.act("pause")
        paused.send(4)
        house.clock.ahead_ms += 100_000
        found = scrape(house)

    here = house.environments["Development"]

    def figure(name: str, *labels: str) -> float:
        return found[f"waypost_{name}", frozenset((here, *labels))]

    states = ("idle", "delivering", "held", "paused")
    assert [figure("queues", state) for state in states] == [1, 0, 1, 1]
    assert (figure("logs_received_total"), figure("logs_replayed_total")) == (4, 1)
    ends = ("delivered", "filtered", "skipped", "parked")
    assert [figure("logs_ended_total", state) for state in ends] == [2, 0, 0, 0]
    assert figure("logs_pending") == 3
    assert 100 <= figure("held_seconds") <= figure("oldest_pending_seconds") < 130
    assert found["waypost_queues", frozenset((house.environments["Staging"], "held"))] == 0
    assert found["waypost_store_up", frozenset()] == 1

    # a closed queue counts for the ledger, and as no queue
    after = scrape(house)
    assert [after["waypost_queues", frozenset((here, state))] for state in states] == [0, 0, 0, 0]
    assert after["waypost_logs_pending", frozenset((here,))] == 0
    assert after["waypost_logs_ended_total", frozenset((here, "skipped"))] == 3
    assert after["waypost_held_seconds", frozenset((here,))] == 0


def test_a_disk_under_its_floor_is_seen(house: House) -> None:
    assert scrape(house)["waypost_disk_low", frozenset()] == 0
    disk = house.waypost.ground.disk
    disk.floor_bytes, before = NEVER_ENOUGH, disk.floor_bytes
    assert scrape(house)["waypost_disk_low", frozenset()] == 1
    disk.floor_bytes = before


@pytest.mark.parametrize(("token", "status"), [("scrape", 200), ("other", 401), (None, 401)])
def test_from_elsewhere_figures_are_for_the_bearer_of_the_token(token: str | None, status: int) -> None:
    async def ready() -> bool:
        return True

    async def exposed() -> bytes:
        return b"figures"

    app = tenants.app([root.router(ready, exposed, metrics_token="scrape")], tenants.words({}))

    async def from_elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": ("192.0.2.7", 443)}, receive, send)

    with Serving(from_elsewhere) as serving:
        assert serving.client("GET", "/metrics", token=token).status == status


def test_a_store_that_is_away_leaves_what_the_node_counts() -> None:
    metrics = Metrics()
    metrics.accepted(3)
    found = figures(metrics.exposed(None).decode())
    assert found["waypost_store_up", frozenset()] == 0
    assert found["waypost_logs_accepted_total", frozenset()] == 3
    assert not [name for name, _ in found if name == "waypost_queues"]
