"""What a store must do that is spoken to over HTTP, under a credential: all of `contract.py`, and this.

    class TestAzure(OverHttp): ...

    @pytest.fixture(scope="module")
    def peer(...) -> HttpPeer: ...

Waypost reaches the store through a gate, which passes requests on, cuts them off, or says no.
"""

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from tests.destinations.kinds.contract import (
    LARGEST,
    MANY,
    PREFIX,
    Contract,
    Peer,
    Store,
    an_item,
    name_of,
    put,
    put_by_many,
    verify,
)
from tests.support.gate import cut_half_way, forward, only, unheard
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Behaviour, Receiver, Reply, Request, answer, reset
from tests.support.waiting import until
from waypost.credentials.sending import Under
from waypost.credentials.store import Credential


class Emulator(Store, Protocol):
    """A store at a port."""

    port: int


@dataclass
class HttpPeer(Peer):
    """A store behind its gate. `refusal` is how the service refuses a credential, with `refused` in our words."""

    store: Emulator
    gate: Receiver
    strategy: str
    settings: dict[str, Any]
    secrets: dict[str, str]
    refusal: Reply
    refused: str
    denied: Reply

    def behave(self, *behaviours: Behaviour) -> None:
        """Let the gate do this with the coming requests, and pass on what comes after."""
        self.gate.behave(*behaviours, forward(self.store.port))

    @contextmanager
    def shut(self, reply: Reply) -> Iterator[None]:
        """Meanwhile the gate says this to everything."""
        self.gate.behave(reply)
        yield
        self.behave()

    def away(self) -> AbstractContextManager[None]:
        return self.shut(answer(503))

    def credential(self, house: House, **more: Any) -> str:
        """The id of a new credential of the clinic's Development."""
        body = {
            "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": self.strategy,
            **self.settings, **self.secrets, **more,
        }  # fmt: skip
        made = house.call("POST", "/platform/v1/authcredentials", body)
        assert made.status == 201, made.body
        return str(made.payload["credential"]["id"])

    def under(self, house: House) -> Under:
        credential = Credential(
            str(uuid.uuid4()), 1, house.environments["Development"], "Keys", self.strategy, self.settings,
            frozenset(self.secrets), 1, 0, 0,
        )  # fmt: skip
        return Under(credential, self.secrets, timeout_seconds=30, https_only=False, tls=None)

    def lane(self, house: House, bucket: str, prefix: str = "", **destination: Any) -> Lane:
        given = destination if "authCredential" in destination else {"authCredential": self.credential(house)}
        return super().lane(house, bucket, prefix, **(given | destination))


def marks(lane: Lane, log_id: str, length: int) -> dict[str, str]:
    """The metadata of an object that we wrote."""
    return {
        "source": lane.source["id"], "datamodel": "PatientAdmin", "eventtype": "NewPatient", "logid": log_id,
        "sequence": "1", "length": str(length),
    }  # fmt: skip


class OverHttp(Contract):
    """The tests."""

    @pytest.fixture(autouse=True)
    def _open_gate(self, peer: HttpPeer) -> None:
        peer.behave()

    def test_an_object_has_a_type_and_metadata(self, house: House, peer: HttpPeer) -> None:
        bucket = peer.bucket()
        with peer.lane(house, bucket) as lane:
            (log_id,) = lane.send(5)
            lane.until("idle")
            (stored,) = peer.store.objects(bucket).values()
            expected = marks(lane, log_id, len(stored.body))
            assert stored.content_type == "application/json"
            assert {key: stored.metadata[key] for key in expected} == expected

    def test_an_answer_that_is_lost_makes_no_second_object(self, house: House, peer: HttpPeer) -> None:
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

    def test_a_request_cut_half_way_leaves_nothing(self, house: House, peer: HttpPeer) -> None:
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

    @pytest.mark.parametrize("wrong", ["log id", "length"])
    def test_an_object_with_other_metadata_is_not_the_message(
        self, house: House, peer: HttpPeer, wrong: str
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

    def test_a_refused_credential_holds_with_words_and_a_new_one_drains(
        self, house: House, peer: HttpPeer
    ) -> None:
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

    def test_a_bucket_that_is_not_there_is_404(self, house: House, peer: HttpPeer) -> None:
        with peer.lane(house, "not-there-at-all") as lane:
            lane.send(1)
            assert lane.until("held")["lastStatus"] == 404

    def test_a_store_that_does_not_answer_in_time_holds_the_queue(self, house: House, peer: HttpPeer) -> None:
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

    def test_a_store_that_asks_for_time_gets_it(self, house: House, peer: HttpPeer) -> None:
        with peer.lane(house, peer.bucket()) as lane, peer.shut(answer(503, headers={"Retry-After": "3"})):
            lane.send(1)
            assert "answered 503 Service Unavailable" in lane.until("held")["reason"]

    def test_without_a_credential_nothing_is_sent(self, house: House, peer: HttpPeer) -> None:
        before = len(peer.gate.requests)
        with peer.lane(house, peer.bucket(), authCredential=None) as lane:
            lane.send(1)
            assert "no auth credential" in lane.until("held")["reason"]
        assert len(peer.gate.requests) == before

    def test_a_verification_writes_looks_and_removes(self, house: House, peer: HttpPeer) -> None:
        before = len(peer.gate.requests)
        with peer.lane(house, peer.bucket(), PREFIX) as lane:
            assert verify(house, lane).status == 200
        wrote, looked, removed = peer.gate.requests[before:]
        assert b"_waypost-probe-" in (wrote.target.encode() + wrote.body)
        assert (looked.method in {"HEAD", "GET"}, removed.method) == (True, "DELETE")

    def test_a_probe_that_may_not_be_removed_is_a_warning(self, house: House, peer: HttpPeer) -> None:
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

    def test_a_verification_says_what_failed(self, house: House, peer: HttpPeer) -> None:
        with peer.lane(house, peer.bucket()) as lane:
            with peer.shut(peer.refusal):
                assert peer.refused in verify(house, lane).json["detail"]
            with peer.shut(reset()):
                assert "closed the connection" in verify(house, lane).json["detail"]

    def test_only_one_of_many_at_once_writes_the_object(self, house: House, peer: HttpPeer) -> None:
        before = len(peer.gate.requests)
        put_by_many(house, peer, peer.bucket(), an_item(b'{"a":1}'))
        looked = [each for each in peer.gate.requests[before:] if each.method in {"HEAD", "GET"}]
        assert len(looked) >= MANY - 1

    @pytest.mark.parametrize("size", [1, LARGEST])
    def test_an_object_of_any_size_is_put_at_once(self, house: House, peer: HttpPeer, size: int) -> None:
        bucket, before = peer.bucket(), len(peer.gate.requests)
        assert put(house, peer, bucket, an_item(b"7" * size)) == "taken"
        assert len(peer.gate.requests) == before + 1

    def test_what_a_header_cannot_carry_is_encoded_in_the_metadata(self, house: House, peer: HttpPeer) -> None:
        bucket = peer.bucket()
        assert put(house, peer, bucket, an_item(b"{}", event_type="Entlassung\u2028 50% né")) == "taken"
        (stored,) = peer.store.objects(bucket).values()
        assert stored.metadata["eventtype"] == "Entlassung%E2%80%A8%2050%25%20n%C3%A9"

    def test_a_credential_of_another_kind_is_refused(self, house: House, peer: HttpPeer) -> None:
        body = {
            "name": "Keys", "environmentId": house.environments["Development"], "authStrategy": "AzureSAS",
            "sasToken": "sv=2026&sig=x",
        }  # fmt: skip
        sas = house.call("POST", "/platform/v1/authcredentials", body).payload["credential"]["id"]
        path = f"/platform/v1/environments/{house.environments['Development']}/destinations"
        lake = {"name": "Lake", "authCredential": sas, "cloudProviderSettings": self.other_cloud(peer)}
        found = house.call("POST", path, lake)
        assert (found.status, found.faults) == (400, [("/authCredential", "credential_kind")])

    def other_cloud(self, peer: HttpPeer) -> dict[str, Any]:
        """Settings of a kind that takes no SAS."""
        return peer.cloud("inbox", "")
