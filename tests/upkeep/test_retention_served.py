"""Retention in the whole application: logs of several child queues, and what the API says of what is gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.house import LOOPBACK, House
from tests.support.stores import STORES
from tests.support.waiting import until
from tests.support.wards import MR, Ward
from waypost.logs.store import log
from waypost.queues import recount
from waypost.queues.store import entry, message

TERM = 0.00001  # less than a second
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(params=STORES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    terms = {"retention_days": TERM, "audit_retention_days": 2}
    settings: dict[str, Any] = {"allowed_networks": LOOPBACK, "retry_schedule": "3600"} | terms
    with House(tmp_path, on=request.param, **settings) as made:
        yield made


def rows(house: House, table: sa.Table) -> int:
    return house.read(lambda tx: tx.scalar(sa.select(sa.func.count()).select_from(table))) or 0


def purged_to(house: House, logs: int) -> None:
    """Let passes run until so many logs are left."""

    def left() -> bool:
        house.run(house.waypost.engine.retention.run())
        return rows(house, log) == logs

    until(left, f"{logs} logs left")


def test_logs_of_several_child_queues_go_with_all_their_entries_and_answer_404(house: House) -> None:
    with Ward(house) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse("ill")
        gone, _, merged, ill, *_ = ward.send("ann", "bob", ("ann", "bob"), "ill", ("bob", "ann"))
        ward.arrived(4)
        purged_to(house, 1)
        assert (rows(house, entry), rows(house, message)) == (1, 1)
        assert house.read(recount.faults) == []
        organization = house.household.clinic.id
        for log_id in (gone, merged):
            for path in ("payload", "attempts"):
                assert house.call("GET", f"/waypost/v1/logs/{log_id}/{path}").status == 404
            assert house.call("POST", f"/waypost/v1/logs/{log_id}/replay").status == 404
            assert house.call("GET", f"/platform/v1/organizations/{organization}/logs/{log_id}").status == 404
        assert house.call("GET", f"/waypost/v1/logs/{ill}/payload").status == 200
        ledger = house.call("GET", f"/waypost/v1/environments/{house.environments['Development']}/ledger").payload
        counts = ledger["ledger"]
        assert (counts["accepted"], counts["delivered"], counts["pending"]) == (5, 4, 1)
        ward.refuse()
        (queue,) = ward.queues()
        assert house.call("POST", f"/waypost/v1/queues/{queue['queueId']}/retry").status == 200
        ward.arrived(5)
        purged_to(house, 0)
        assert house.read(recount.faults) == []


def test_messages_are_delivered_in_order_while_others_are_purged(house: House) -> None:
    with Ward(house) as ward:
        for _ in range(4):
            ward.send(*["ann"] * 10)
            house.run(house.waypost.engine.retention.run())
        ward.arrived(40)
        purged_to(house, 0)
        assert ward.of("ann") == list(range(1, 41))
        assert house.read(recount.faults) == []


def test_audit_events_are_kept_for_as_many_days_as_the_setting_says(house: House) -> None:
    house.clock.ahead_ms += 5 * DAY_MS // 2
    house.call("POST", f"/platform/v1/environments/{house.environments['Development']}/sources", {"name": "Lab"})
    house.clock.ahead_ms += DAY_MS
    purged_to(house, 0)

    trail = f"/platform/v1/organizations/{house.household.clinic.id}/audit-events"
    found = [event["type"] for event in house.call("GET", trail, by="owner").payload["results"]]
    assert found == ["audit-events-purged", "source-created"]
