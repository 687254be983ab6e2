"""Skip on a node that does not own the queue: the owner, which knows what is on its way, carries it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer, stall
from tests.support.serving import Answer
from tests.support.waiting import until
from waypost.folder import SEALING_KEY


@dataclass
class Pair:
    """A node that delivers, and one that only answers."""

    owner: House
    other: House

    def skip(self, lane: Lane, log_id: str, **more: Any) -> Answer:
        """Skip over the node that does not own the queue."""
        path = f"/waypost/v1/queues/{lane.queue_id}/skip"
        return self.other.call("POST", path, {"logId": log_id, "reason": "poison"}, **more)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    first, second = tmp_path_factory.mktemp("owner"), tmp_path_factory.mktemp("other")
    with House(first, on="postgresql", allowed_networks=LOOPBACK, retry_schedule=(3600,)) as owner:
        shared: dict[str, Any] = {
            "database_url": owner.waypost.ground.settings.database_url,
            "master_key_file": first / SEALING_KEY,
        }
        with House(second, keep=owner.household, deliver=False, allowed_networks=LOOPBACK, **shared) as other:
            yield Pair(owner, other)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answer(503)) as made:
        yield made


def test_the_owner_skips_for_another_node_under_the_callers_name(pair: Pair, receiver: Receiver) -> None:
    with Lane(pair.owner, endpoint=receiver.url) as lane:
        first, _ = lane.send(1, 2)
        lane.until("held")
        receiver.behave(answer())

        found = pair.skip(lane, first, headers={"x-forwarded-for": "nobody"})

        assert (found.status, found.payload["queue"]["queueId"]) == (200, lane.queue_id)
        lane.until("idle")
        assert lane.state_of(first) == "skipped"
        assert numbers(receiver) == [1, 2]
        [event] = [each for each in pair.owner.events(lane.queue_id) if each["type"] == "log-skipped"]
        assert event["details"]["reason"] == "poison"
        assert event["client_id"] == pair.owner.household.clients["engineer"]
        assert event["request_id"] == found.headers["x-request-id"]


def test_a_message_on_its_way_is_refused_on_every_node(pair: Pair, receiver: Receiver) -> None:
    receiver.behave(stall())
    with Lane(pair.owner, endpoint=receiver.url) as lane:
        [first] = lane.send(1)
        receiver.wait(1)

        found = pair.skip(lane, first)

        assert (found.status, found.json["type"]) == (409, "/problems/in_flight")
        receiver.release()
        lane.until("idle")
        assert lane.state_of(first) == "delivered"


def test_what_is_not_the_head_is_refused(pair: Pair, receiver: Receiver) -> None:
    with Lane(pair.owner, endpoint=receiver.url) as lane:
        _, second = lane.send(1, 2)
        lane.until("held")
        found = pair.skip(lane, second)
        assert (found.status, found.json["type"]) == (409, "/problems/not_the_head")


@pytest.mark.parametrize(("by", "status"), [("viewer", 403), ("outsider", 404), ("source", 403)])
def test_who_may_not_skip_asks_nobody(pair: Pair, receiver: Receiver, by: str, status: int) -> None:
    with Lane(pair.owner, endpoint=receiver.url) as lane:
        [first] = lane.send(1)
        lane.until("held")
        assert pair.skip(lane, first, by=by).status == status
        assert pair.owner.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM errand").scalar()) == 0


def test_when_nobody_answers_nothing_is_skipped_then_or_later(pair: Pair, receiver: Receiver) -> None:
    with Lane(pair.owner, endpoint=receiver.url) as lane:
        [first] = lane.send(1)
        lane.until("held")
        pair.owner.run(pair.owner.waypost.engine.skipping.stop())
        try:
            found = pair.skip(lane, first)
        finally:
            pair.owner.run(pair.owner.waypost.engine.skipping.start())
        assert (found.status, found.json["type"]) == (503, "/problems/no_owner")
        assert int(found.headers["retry-after"]) > 0
        assert pair.skip(lane, first).status == 200  # and so the owner has looked again
        until(lambda: lane.state_of(first) == "skipped", "the skip")
        skipped = [each for each in pair.owner.events(lane.queue_id) if each["type"] == "log-skipped"]
        assert len(skipped) == 1
