"""Messages as hospitals send them go through, and what arrives is still a message of the data model.

The judge is the package `redox`, whose models are made from the vendor's own schemas. All people are invented.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.support import redox_models
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver
from tests.support.waiting import until
from waypost.demo import messages as demo
from waypost.messages import model
from waypost.samples import hl7v2_adt

SOURCE, DESTINATION = "497f6eca-6276-4993-bfeb-53cbbbba6f08", "95dc8346-96b6-4721-88bf-bd96d3ac7a91"
SAMPLES = sorted((Path(__file__).parent.parent / "messages" / "samples").glob("*.json"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("samples"), allowed_networks=LOOPBACK) as made:
        yield made


def subscribe(house: House, data_model: str, receiver: Receiver) -> dict[str, Any]:
    """A subscription to that data model, of a new source and a new destination."""
    source, destination = house.source(), house.destination(endpoint=receiver.url)
    ends = {"source": {"id": source["id"]}, "destination": {"id": destination["id"]}}
    path = f"/platform/v1/environments/{house.environments['Development']}/subscriptions"
    made = house.call("POST", path, ends | {"dataModel": data_model})
    assert made.status == 201, made.body
    subscription: dict[str, Any] = made.payload["subscription"]
    return subscription


def addressed(body: bytes, subscription: dict[str, Any]) -> bytes:
    """The message with source and destination named in its Meta, every other byte as it is."""
    members = {
        "Source": {"ID": subscription["source"]["id"]},
        "Destinations": [{"ID": subscription["destination"]["id"]}],
    }
    return model.with_meta(body, *model.meta_span(body), members)


def without_meta(body: bytes) -> bytes:
    start, end = model.meta_span(body)
    return body[:start] + body[end:]


def test_there_are_samples_of_several_data_models() -> None:
    models = {json.loads(sample.read_bytes())["Meta"]["DataModel"] for sample in SAMPLES}
    assert models == {"PatientAdmin", "Results", "Order", "Scheduling"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_arrives_as_a_message_of_its_data_model(house: House, receiver: Receiver, sample: Path) -> None:
    body = sample.read_bytes()
    meta = json.loads(body)["Meta"]
    subscription = subscribe(house, meta["DataModel"], receiver)
    answer = house.call("POST", "/endpoint", addressed(body, subscription), by="source")
    assert answer.status == 200, answer.body
    [request] = receiver.wait(1)
    found: Any = redox_models.parsed(request.body.decode())
    assert (type(found).__name__, found.Meta.DataModel) == (meta["EventType"], meta["DataModel"])
    assert without_meta(request.body) == without_meta(body)
    sent = request.json["Meta"]
    assert {name: sent[name] for name in meta} == meta
    assert sorted(sent.keys() - meta.keys()) == ["Destinations", "Logs", "Source"]
    assert sent["Logs"][0]["ID"] == answer.json["Meta"]["Logs"][0]["ID"]


def test_each_message_of_the_data_set_is_one_of_its_data_model() -> None:
    for message in hl7v2_adt.messages(SOURCE, DESTINATION, datetime(2026, 5, 4, 20, 0, tzinfo=UTC)):
        assert type(redox_models.parsed(json.dumps(message))).__name__ == message["Meta"]["EventType"]


def test_each_message_of_the_demo_is_one_of_its_data_model() -> None:
    for message in islice(demo.feed(SOURCE, DESTINATION), 2 * len(demo.EVENTS)):
        assert redox_models.parsed(demo.encode(message).decode()) is not None


def test_the_judge_refuses_what_is_no_such_message() -> None:
    body = json.loads(SAMPLES[0].read_bytes())
    body["Patient"]["Demographics"] = "nobody"
    with pytest.raises(ValueError, match="Demographics"):
        redox_models.parsed(body, lenient=True)


def test_all_samples_in_one_go_arrive_by_queue_in_order(house: House, receiver: Receiver) -> None:
    subscriptions = {}
    sent: dict[str, list[str]] = {}
    for sample in SAMPLES * 3:
        body = sample.read_bytes()
        name = json.loads(body)["Meta"]["DataModel"]
        if name not in subscriptions:
            subscriptions[name] = subscribe(house, name, receiver)
        answer = house.call("POST", "/endpoint", addressed(body, subscriptions[name]), by="source")
        sent.setdefault(name, []).append(answer.json["Meta"]["Logs"][0]["ID"])
    until(lambda: len(receiver.requests) == len(SAMPLES) * 3)
    for name, logs in sent.items():
        arrived = [
            body["Meta"]["Logs"][0]["ID"] for body in receiver.bodies() if body["Meta"]["DataModel"] == name
        ]
        assert arrived == logs
