"""What every store must do, run against the real thing: a test file per kind gives a `Peer` and a subclass.

    class TestFolder(Contract): ...

    @pytest.fixture(scope="module")
    def peer(...) -> Peer: ...

Stores that are spoken to over HTTP under a credential have a longer one, in `over_http.py`.
"""

import json
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from tests.support.emulators import Stored
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.serving import Answer
from tests.support.waiting import until
from waypost.credentials.sending import Carrier, Under
from waypost.destinations import ports
from waypost.destinations.kinds.kind import Item, Refused, Taken
from waypost.destinations.model import Destination
from waypost.environments.store import Flag

PREFIX = "ward 7/é~"
LARGEST = 10 * 1024 * 1024
MANY = 8


class Store(Protocol):
    """A store, as tests reach it besides Waypost; what it keeps is in buckets."""

    def make(self, bucket: str, /) -> None: ...
    def put(self, bucket: str, name: str, body: bytes, metadata: Mapping[str, str], /) -> None: ...
    def remove(self, bucket: str, name: str, /) -> None: ...
    def objects(self, bucket: str, /) -> Mapping[str, Stored]: ...


@dataclass
class Peer(ABC):
    """A store, the `cloudProviderSettings` of a bucket and prefix in it, and how it comes to take nothing."""

    store: Store
    cloud: Callable[[str, str], dict[str, Any]]

    def bucket(self) -> str:
        """A new, empty one."""
        name = f"inbox-{uuid.uuid4().hex[:12]}"
        self.store.make(name)
        return name

    @abstractmethod
    def away(self) -> AbstractContextManager[None]:
        """Meanwhile nothing can be written, for a reason that passes."""

    def under(self, house: House) -> Under:
        """What is sent to it is sent under this."""
        return Under(None, {}, timeout_seconds=30, https_only=False, tls=None)

    def lane(self, house: House, bucket: str, prefix: str = "", **destination: Any) -> Lane:
        """A lane to a bucket."""
        return Lane(house, **({"cloudProviderSettings": self.cloud(bucket, prefix)} | destination))


def name_of(lane: Lane, log_id: str, prefix: str = "") -> str:
    """The name that the log's object has."""
    query = sa.text("SELECT seq, accepted_at FROM log WHERE id = :id")
    seq, accepted_at = lane.house.read(lambda tx: tuple(tx.execute(query, {"id": log_id}).one()))
    day = datetime.fromtimestamp(accepted_at / 1000, UTC).strftime("%Y-%m-%d")
    return f"{prefix}PatientAdmin/{lane.queue_id}/{day}/{seq:020}-{log_id}.json"


class Contract:
    """The tests."""

    def test_a_message_is_one_object_of_its_name(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket, PREFIX) as lane:
            (log_id,) = lane.send(5)
            lane.until("idle")
            ((name, stored),) = peer.store.objects(bucket).items()
            assert name == name_of(lane, log_id, PREFIX)
            body = json.loads(stored.body)
            assert body["Patient"]["Identifiers"][0]["ID"] == "00000005"
            assert body["Meta"]["Logs"][0]["ID"] == log_id
            assert [each["ID"] for each in body["Meta"]["Destinations"]] == [lane.destination["id"]]
            (attempt,) = lane.attempts(log_id)
            assert (attempt.outcome, attempt.reason) == ("delivered", None)

    def test_names_sort_as_the_messages_were_sent(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            log_ids = lane.send(*range(12))
            lane.until("idle")
            names = sorted(peer.store.objects(bucket))
            assert [re.split(r"[-.]", name.rsplit("/", 1)[1], maxsplit=1)[1] for name in names] == [
                f"{log_id}.json" for log_id in log_ids
            ]

    def test_a_store_that_comes_back_has_all_in_order(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            with peer.away():
                log_ids = lane.send(1, 2, 3)
                assert lane.until("held")["reason"]
            assert peer.store.objects(bucket) == {}
            lane.act("retry")
            lane.until("idle")
            assert sorted(peer.store.objects(bucket)) == [name_of(lane, log_id) for log_id in log_ids]

    def test_what_is_there_under_the_name_holds_the_queue_and_stays(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            with peer.away():
                (log_id,) = lane.send(1)
                lane.until("held")
            name, body = name_of(lane, log_id), b"another's"
            peer.store.put(bucket, name, body, {})
            lane.act("retry")
            until(lambda: len(lane.attempts(log_id)) == 2, "the second attempt")
            assert f"{name} already, which is not this message" in lane.until("held")["reason"]
            assert peer.store.objects(bucket)[name].body == body
            peer.store.remove(bucket, name)
            lane.act("retry")
            lane.until("idle")
            assert peer.store.objects(bucket)[name].body != body

    def test_a_bucket_that_is_not_there_is_said(self, house: House, peer: Peer) -> None:
        with peer.lane(house, "not-there-at-all") as lane:
            lane.send(1)
            assert "does not exist" in lane.until("held")["reason"]
            done = verify(house, lane)
            assert (done.status, done.json["type"]) == (409, "/problems/not_verified")
            assert "does not exist" in done.json["detail"]

    def test_a_verification_leaves_nothing_behind(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket, PREFIX) as lane:
            done = verify(house, lane)
            assert (done.status, done.payload["destination"]["verificationStatus"]) == (200, "verified")
            assert "warnings" not in done.payload
        assert peer.store.objects(bucket) == {}

    def test_one_message_put_by_many_at_once_is_one_object(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        item = an_item(b'{"a":1}')
        assert set(put_by_many(house, peer, bucket, item)) == {"taken"}
        assert [stored.body for stored in peer.store.objects(bucket).values()] == [item.body]

    @pytest.mark.parametrize("size", [1, 4096, 256 * 1024 + 1, LARGEST])
    def test_an_object_of_any_size_is_whole(self, house: House, peer: Peer, size: int) -> None:
        bucket = peer.bucket()
        item = an_item(b"7" * size)
        assert put(house, peer, bucket, item) == "taken"
        (stored,) = peer.store.objects(bucket).values()
        assert stored.body == item.body


def verify(house: House, lane: Lane) -> Answer:
    return house.call("POST", f"/platform/v1/destinations/{lane.destination['id']}/verify")


def put(house: House, peer: Peer, bucket: str, item: Item) -> str:
    """Put an item as a delivery does, and what that came to."""
    destination = Destination(
        str(uuid.uuid4()), house.environments["Development"], Flag.development, "Lake",
        credential_id=str(uuid.uuid4()), cloud=peer.cloud(bucket, ""),
    )  # fmt: skip
    port = ports.store(destination, house.waypost.ground.settings)
    assert not isinstance(port, str), port
    verdict = house.run(port.deliver(item, Carrier(house.waypost.engine.sender, peer.under(house))))
    return _word(verdict)


def put_by_many(house: House, peer: Peer, bucket: str, item: Item) -> list[str]:
    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(lambda _: put(house, peer, bucket, item), range(MANY)))


def an_item(body: bytes, *, event_type: str = "NewPatient") -> Item:
    return Item(
        body, str(uuid.uuid4()), 1, 1_766_000_000_000, str(uuid.uuid4()), str(uuid.uuid4()),
        "Clinical Summary", event_type,
    )  # fmt: skip


def _word(verdict: Taken | Refused) -> str:
    return "taken" if isinstance(verdict, Taken) else verdict.reason
