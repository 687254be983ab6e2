"""Run dataset tester over HTTP: the whole way from a test source to the receiver."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.destinations.calls import AZURE, path
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver
from tests.support.serving import Answer
from tests.support.stores import STORES
from tests.support.waiting import until
from waypost.samples import hl7v2_adt

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ADT = {"datasetId": "hl7v2-adt"}


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("samples"), on=request.param, allowed_networks=LOOPBACK) as made:
        yield made


def send(house: House, made: Any, body: Any = ADT, **more: Any) -> Answer:
    return house.call("POST", path(made) + "/sendSampleDataset", body, **more)


def sources(house: House) -> list[str]:
    found = house.call("GET", f"/platform/v1/environments/{house.environments['Development']}/sources")
    return [each["id"] for each in found.payload["sources"]]


def pending(house: House) -> int:
    found = house.call("GET", f"/waypost/v1/environments/{house.environments['Development']}/ledger")
    return int(found.payload["ledger"]["pending"])


def test_the_data_set_reaches_the_destination_in_order(house: House, receiver: Receiver) -> None:
    made = house.destination(endpoint=receiver.url)
    answer = send(house, made)
    assert answer.status == 200
    assert answer.payload == {
        "sourceId": answer.payload["sourceId"],
        "destinationId": made["id"],
        "dataModels": ["PatientAdmin"],
    }
    assert answer.payload["sourceId"] in sources(house)
    whole = hl7v2_adt.messages("", "", NOW)
    events = [each["Meta"]["EventType"] for each in whole]
    came = [request.json for request in receiver.wait(len(events))]
    assert [each["Meta"]["EventType"] for each in came] == events
    assert {each["Meta"]["Source"]["ID"] for each in came} == {answer.payload["sourceId"]}
    assert all(each["Meta"]["Test"] for each in came)
    until(lambda: len(receiver.requests) == len(events), "the whole set")


def test_a_second_run_has_the_same_source_and_the_same_queue(house: House, receiver: Receiver) -> None:
    made = house.destination(endpoint=receiver.url)
    first, second = send(house, made), send(house, made)
    assert first.payload == second.payload
    receiver.wait(2)
    events = [event["type"] for event in house.events() if event["details"].get("id") == made["id"]]
    assert events == ["destination-created", "sample-dataset-sent", "sample-dataset-sent"]
    ends = [
        event["details"]["after"]["destination"]["id"]
        for event in house.events()
        if event["type"] == "subscription-created"
    ]
    assert ends.count(made["id"]) == 1


def test_the_test_source_is_not_the_only_source_that_a_message_may_leave_out(
    house: House, receiver: Receiver
) -> None:
    made = house.destination(endpoint=receiver.url)
    assert send(house, made).status == 200
    assert len(sources(house)) == 1
    with Lane(house, endpoint=receiver.url) as lane:
        body = lane.body(7)
        del body["Meta"]["Source"]
        answer = house.call("POST", "/endpoint", body, by="source")
        assert answer.status == 200, answer.body
        assert answer.json["Meta"]["Source"]["ID"] == lane.source["id"]
    assert house.call("DELETE", f"/platform/v1/sources/{lane.source['id']}").status == 200


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/datasetId", "required"),
        ({"datasetId": "x12-835"}, "/datasetId", "unknown_dataset"),
        ({"datasetId": "HL7V2-ADT"}, "/datasetId", "unknown_dataset"),
        ({"datasetId": 1}, "/datasetId", "wrong_type"),
        (ADT | {"count": 1}, "/count", "unknown_field"),
    ],
)
def test_other_data_sets_are_refused(house: House, body: Any, pointer: str, code: str) -> None:
    answer = send(house, house.destination(), body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])


@pytest.mark.parametrize(
    ("who", "status"), [(None, 401), ("viewer", 403), ("support", 403), ("outsider", 404), ("source", 403)]
)
def test_it_is_an_engineers(house: House, who: str | None, status: int) -> None:
    assert send(house, house.destination(), by=who).status == status


def test_an_unfinished_destination_gets_none(house: House) -> None:
    made = house.destination(setupState={"step": "endpoint"})
    assert (send(house, made).status, send(house, made).json["type"]) == (409, "/problems/not_configured")


def test_a_destination_that_holds_keeps_the_set_in_its_queue(house: House) -> None:
    made = house.destination(cloudProviderSettings=AZURE)
    before = pending(house)
    assert send(house, made).status == 200
    assert pending(house) - before == len(hl7v2_adt.messages("", "", NOW))
