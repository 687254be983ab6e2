"""What every object store must do, run against the real thing: a test file per kind gives a `Peer` and a subclass.

    class TestAzure(Contract): ...

    @pytest.fixture(scope="module")
    def peer(...) -> Peer: ...

Waypost reaches the store through a gate, which passes requests on, cuts them off, or says no.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from tests.support.emulators import Stored
from tests.support.gate import cut_half_way, forward, only, unheard
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Behaviour, Receiver, Reply, Request, answer, reset
from tests.support.serving import Answer
from tests.support.waiting import until
from waypost.credentials.sending import Under
from waypost.credentials.store import Credential
from waypost.destinations import ports
from waypost.destinations.kinds.kind import Item, Refused, Taken, There
from waypost.destinations.kinds.objects import ObjectStore
from waypost.destinations.model import Destination
from waypost.environments.store import Flag

PREFIX = "ward 7/é~"
LARGEST = 10 * 1024 * 1024


class Store(Protocol):
    """An emulator, as tests reach it besides Waypost."""

    port: int

    def make(self, bucket: str, /) -> None: ...
    def put(self, bucket: str, name: str, body: bytes, metadata: Mapping[str, str], /) -> None: ...
    def remove(self, bucket: str, name: str, /) -> None: ...
    def objects(self, bucket: str, /) -> dict[str, Stored]: ...


@dataclass
class Peer:
    """A store behind its gate. `refusal` is how the service refuses a credential, with `refused` in our words."""

    store: Store
    gate: Receiver
    cloud: Callable[[str, str], dict[str, Any]]
    strategy: str
    settings: dict[str, Any]
    secrets: dict[str, str]
    refusal: Reply
    refused: str
    denied: Reply

    def bucket(self) -> str:
        """A new, empty one."""
        name = f"inbox-{uuid.uuid4().hex[:12]}"
        self.store.make(name)
        return name

    def behave(self, *behaviours: Behaviour) -> None:
        """Let the gate do this with the coming requests, and pass on what comes after."""
        self.gate.behave(*behaviours, forward(self.store.port))

    @contextmanager
    def shut(self, reply: Reply) -> Iterator[None]:
        """Meanwhile the gate says this to everything."""
        self.gate.behave(reply)
        yield
        self.behave()

    def credential(self, house: House, **more: Any) -> str:
        """The id of a new credential of the clinic's Development."""
        body = {
            "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": self.strategy,
            **self.settings, **self.secrets, **more,
        }  # fmt: skip
        made = house.call("POST", "/platform/v1/authcredentials", body)
        assert made.status == 201, made.body
        return str(made.payload["credential"]["id"])

    def lane(self, house: House, bucket: str, prefix: str = "", **destination: Any) -> Lane:
        """A lane to a bucket."""
        given = {"authCredential": self.credential(house), "cloudProviderSettings": self.cloud(bucket, prefix)}
        return Lane(house, **(given | destination))


def name_of(lane: Lane, log_id: str, prefix: str = "") -> str:
    """The name that the log's object has."""
    query = sa.text("SELECT seq, accepted_at FROM log WHERE id = :id")
    seq, accepted_at = lane.house.read(lambda tx: tuple(tx.execute(query, {"id": log_id}).one()))
    day = datetime.fromtimestamp(accepted_at / 1000, UTC).strftime("%Y-%m-%d")
    return f"{prefix}PatientAdmin/{lane.queue_id}/{day}/{seq:020}-{log_id}.json"


def verify(house: House, lane: Lane) -> Answer:
    return house.call("POST", f"/platform/v1/destinations/{lane.destination['id']}/verify")


def marks(lane: Lane, log_id: str, length: int) -> dict[str, str]:
    """The metadata of an object that we wrote."""
    return {
        "source": lane.source["id"], "datamodel": "PatientAdmin", "eventtype": "NewPatient", "logid": log_id,
        "sequence": "1", "length": str(length),
    }  # fmt: skip


class Contract:
    """The tests."""

    @pytest.fixture(autouse=True)
    def _open_gate(self, peer: Peer) -> None:
        peer.behave()

    def test_a_message_is_one_object_with_name_type_and_metadata(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket, PREFIX) as lane:
            (log_id,) = lane.send(5)
            lane.until("idle")
            ((name, stored),) = peer.store.objects(bucket).items()
            assert name == name_of(lane, log_id, PREFIX)
            assert stored.content_type == "application/json"
            assert {key: stored.metadata[key] for key in marks(lane, log_id, 0)} == marks(
                lane, log_id, len(stored.body)
            )
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

    def test_an_answer_that_is_lost_makes_no_second_object(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            peer.gate.behave(unheard(peer.store.port))
            (log_id,) = lane.send(1)
            assert "may have been processed" in lane.until("held")["reason"]
            before = peer.store.objects(bucket)
            peer.behave()
            lane.patch(name="Renamed at length meanwhile")  # what a message says of its destination may change
            lane.until("idle")
            assert lane.state_of(log_id) == "delivered"
            assert peer.store.objects(bucket) == before
            assert len(before) == 1

    def test_a_request_cut_half_way_leaves_nothing(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            peer.gate.behave(cut_half_way())
            lane.send(1, 2)
            lane.until("held")
            assert peer.store.objects(bucket) == {}
            peer.behave()
            lane.act("retry")
            lane.until("idle")
            assert len(peer.store.objects(bucket)) == 2

    @pytest.mark.parametrize("wrong", ["log id", "length", "everything"])
    def test_another_object_of_the_name_holds_the_queue_and_stays(
        self, house: House, peer: Peer, wrong: str
    ) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            with peer.shut(answer(503)):
                (log_id,) = lane.send(1)
                lane.until("held")
            name, body = name_of(lane, log_id), b"another's"
            metadata = {
                "log id": {"logid": str(uuid.uuid4()), "length": str(len(body))},
                "length": {"logid": log_id, "length": str(len(body) + 1)},
                "everything": {},
            }
            peer.store.put(bucket, name, body, metadata[wrong])
            lane.act("retry")
            until(lambda: len(lane.attempts(log_id)) == 2, "the second attempt")
            held = lane.until("held")
            assert f"There is an object {name} already, which is not this message" in held["reason"]
            assert "Nothing was overwritten" in held["reason"]
            assert peer.store.objects(bucket)[name].body == body
            peer.store.remove(bucket, name)
            lane.act("retry")
            lane.until("idle")
            assert peer.store.objects(bucket)[name].metadata["logid"] == log_id

    def test_a_refused_credential_holds_with_words_and_a_new_one_drains(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane, peer.shut(peer.refusal):
            lane.send(1, 2, 3)
            reason = lane.until("held")["reason"]
            assert peer.refused in reason
            for secret in peer.secrets.values():
                assert secret not in reason
            assert peer.store.objects(bucket) == {}
            peer.behave()
            lane.patch(authCredential=peer.credential(house))
            lane.until("idle")
            assert len(peer.store.objects(bucket)) == 3

    def test_a_bucket_that_is_not_there_is_said(self, house: House, peer: Peer) -> None:
        with peer.lane(house, "not-there-at-all") as lane:
            lane.send(1)
            held = lane.until("held")
            assert "does not exist" in held["reason"]
            assert held["lastStatus"] == 404

    def test_a_store_that_does_not_answer_in_time_holds_the_queue(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        release = threading.Event()

        def slow(request: Request) -> Reply:
            release.wait(10)
            return reset()

        with peer.lane(house, bucket, timeoutSeconds=1) as lane:
            peer.gate.behave(slow)
            lane.send(1)
            assert "No answer within 1 s" in lane.until("held")["reason"]
            release.set()
            peer.behave()
            lane.act("retry")
            lane.until("idle")
            assert len(peer.store.objects(bucket)) == 1

    def test_a_store_that_asks_for_time_gets_it(self, house: House, peer: Peer) -> None:
        with peer.lane(house, peer.bucket()) as lane, peer.shut(answer(503, headers={"Retry-After": "3"})):
            lane.send(1)
            assert "answered 503 Service Unavailable" in lane.until("held")["reason"]

    def test_without_a_credential_nothing_is_sent(self, house: House, peer: Peer) -> None:
        before = len(peer.gate.requests)
        with peer.lane(house, peer.bucket(), authCredential=None) as lane:
            lane.send(1)
            assert "no auth credential" in lane.until("held")["reason"]
        assert len(peer.gate.requests) == before

    def test_a_verification_leaves_nothing_behind(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        before = len(peer.gate.requests)
        with peer.lane(house, bucket, PREFIX) as lane:
            done = verify(house, lane)
            assert (done.status, done.payload["destination"]["verificationStatus"]) == (200, "verified")
            assert "warnings" not in done.payload
        wrote, looked, removed = peer.gate.requests[before:]
        assert b"_waypost-probe-" in (wrote.target.encode() + wrote.body)
        assert (looked.method in {"HEAD", "GET"}, removed.method) == (True, "DELETE")
        assert peer.store.objects(bucket) == {}

    def test_a_probe_that_may_not_be_removed_is_a_warning(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            may = only({"PUT", "POST"}, forward(peer.store.port), peer.denied)
            peer.behave(may, may, may)
            done = verify(house, lane)
            assert (done.status, done.payload["destination"]["verificationStatus"]) == (200, "verified")
            looking, removing = done.payload["warnings"]
            assert "cannot be looked at" in looking
            assert "could not be removed" in removing
            (name,) = peer.store.objects(bucket)
            assert re.fullmatch(r"_waypost-probe-[0-9a-f-]{36}", name)
            assert name in removing

    def test_a_verification_says_what_failed(self, house: House, peer: Peer) -> None:
        with peer.lane(house, "not-there-at-all") as lane:
            done = verify(house, lane)
            assert (done.status, done.json["type"]) == (409, "/problems/not_verified")
            assert "does not exist" in done.json["detail"]
            with peer.shut(peer.refusal):
                assert peer.refused in verify(house, lane).json["detail"]
            with peer.shut(reset()):
                assert "closed the connection" in verify(house, lane).json["detail"]

    def test_only_one_of_many_at_once_writes_the_object(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        item = an_item(b'{"a":1}')
        with ThreadPoolExecutor(8) as threads:
            verdicts = list(threads.map(lambda _: self._put(house, peer, bucket, item), range(8)))
        created = [verdict for verdict in verdicts if verdict[0] == "created"]
        assert len(created) <= 1
        assert {verdict[1] for verdict in verdicts} == {"taken"}
        assert [stored.body for stored in peer.store.objects(bucket).values()] == [item.body]

    @pytest.mark.parametrize("size", [1, 4096, 256 * 1024 + 1, LARGEST])
    def test_an_object_of_any_size_is_put_at_once(self, house: House, peer: Peer, size: int) -> None:
        bucket = peer.bucket()
        before = len(peer.gate.requests)
        item = an_item(b"7" * size)
        assert self._put(house, peer, bucket, item) == ("created", "taken")
        assert len(peer.gate.requests) == before + 1
        (stored,) = peer.store.objects(bucket).values()
        assert stored.body == item.body

    def test_what_a_header_cannot_carry_is_encoded_in_the_metadata(self, house: House, peer: Peer) -> None:
        bucket = peer.bucket()
        item = an_item(b"{}", event_type="Entlassung\u2028 50% né")
        assert self._put(house, peer, bucket, item) == ("created", "taken")
        (stored,) = peer.store.objects(bucket).values()
        assert stored.metadata["eventtype"] == "Entlassung%E2%80%A8%2050%25%20n%C3%A9"

    def test_a_credential_of_another_kind_is_refused(self, house: House, peer: Peer) -> None:
        body = {
            "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": "AzureSAS",
            "sasToken": "sv=2026&sig=x",
        }  # fmt: skip
        sas = house.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"]
        path = f"/platform/v1/environments/{house.environments['Development']}/destinations"
        lake = {"name": "Lake", "authCredential": sas, "cloudProviderSettings": self.other_cloud(peer)}
        found = house.call("POST", path, lake)
        assert (found.status, found.faults) == (400, [("/authCredential", "credential_kind")])

    def other_cloud(self, peer: Peer) -> dict[str, Any]:
        """Settings of a kind that takes no SAS."""
        return peer.cloud("inbox", "")

    def _put(self, house: House, peer: Peer, bucket: str, item: Item) -> tuple[str, str]:
        """Put an item as a delivery does: whether it was created or was there, and what that came to."""
        destination = Destination(
            str(uuid.uuid4()), house.environments["Development"], Flag.development, "Lake",
            credential_id=str(uuid.uuid4()), cloud=peer.cloud(bucket, ""),
        )  # fmt: skip
        credential = Credential(
            destination.credential_id or "", 1, destination.environment_id, "Keys", peer.strategy, peer.settings,
            frozenset(peer.secrets), 1, 0, 0,
        )  # fmt: skip
        store = ports.store(destination, house.waypost.ground.settings)
        assert isinstance(store, ObjectStore)
        under = Under(credential, peer.secrets, timeout_seconds=30, https_only=False, tls=None)
        sender = house.waypost.engine.sender
        got = house.run(sender.send(store.put(item), under))
        assert not isinstance(got, str), got
        verdict = store.judge(item, got)
        if not isinstance(verdict, There):
            return "created", _word(verdict)
        got = house.run(sender.send(verdict.ask, under))
        assert not isinstance(got, str), got
        found = verdict.judge(got)
        assert not isinstance(found, There)
        return "there", _word(found)


def an_item(body: bytes, *, event_type: str = "NewPatient") -> Item:
    return Item(
        body, str(uuid.uuid4()), 1, 1_766_000_000_000, str(uuid.uuid4()), str(uuid.uuid4()),
        "Clinical Summary", event_type,
    )  # fmt: skip


def _word(verdict: Taken | Refused) -> str:
    return "taken" if isinstance(verdict, Taken) else verdict.reason
