"""A lane: one source, one destination and the queue between them, in a `House`.

    with Lane(house, endpoint=receiver.url) as lane:
        log_id = lane.send(1)
        lane.until("idle")                          # or "held", "delivering", "paused"
        lane.patch(endpoint=other.url)
        numbers(other)                              # which messages a receiver got, in their order

At its end a lane gives up what is pending, so that nothing is sent after its test.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from tests.support.house import House
from tests.support.receiver import Receiver
from tests.support.serving import Answer
from tests.support.waiting import SECONDS, until

OURS = ("timeoutSeconds", "successStatus", "sendTokenAsBearer", "tls")


class Lane(AbstractContextManager["Lane"]):
    """See the top of the file. Without a `source` it has one of its own; other keywords are the destination's."""

    def __init__(self, house: House, *, source: Mapping[str, Any] | None = None, **destination: Any) -> None:
        self.house = house
        settings = {name: destination.pop(name) for name in OURS if name in destination}
        self.source = source or house.source()
        self.destination = house.destination(**destination)
        if settings:
            self.settings(**settings)
        self.queue_id = str(house.subscription(self.source, self.destination)["id"])

    def __exit__(self, *_: object) -> None:
        path = f"/platform/v1/destinations/{self.destination['id']}"
        self.house.call("DELETE", path, {"reason": "the test is over"})

    def body(self, number: int = 0) -> dict[str, Any]:
        """A message with that number."""
        return a_message(self.source, [self.destination], number)

    def send(self, *numbers: int) -> list[str]:
        """Send these messages; their log ids."""
        found = []
        for number in numbers:
            answer = self.house.call("POST", "/endpoint", self.body(number), by="source")
            assert answer.status == 200, answer.body
            found.append(answer.json["Meta"]["Logs"][0]["ID"])
        return found

    def queue(self) -> dict[str, Any]:
        """The queue as the API shows it."""
        answer = self.house.call("GET", f"/waypost/v1/queues/{self.queue_id}")
        assert answer.status == 200, answer.body
        shown: dict[str, Any] = answer.payload["queue"]
        return shown

    def until(self, state: str, *, seconds: float = SECONDS) -> dict[str, Any]:
        """The queue, once it is in that state."""
        until(lambda: self.queue()["state"] == state, f"the queue's becoming {state}", seconds=seconds)
        return self.queue()

    def patch(self, **body: Any) -> Answer:
        """Update destination."""
        answer = self.house.call("PATCH", f"/platform/v1/destinations/{self.destination['id']}", body)
        assert answer.status == 200, answer.body
        return answer

    def settings(self, **body: Any) -> None:
        """Change what is ours of the destination."""
        answer = self.house.call("PATCH", f"/waypost/v1/destinations/{self.destination['id']}", body)
        assert answer.status == 200, answer.body

    def act(self, verb: str) -> None:
        """Pause, resume or retry the queue."""
        answer = self.house.call("POST", f"/waypost/v1/queues/{self.queue_id}/{verb}")
        assert answer.status == 200, answer.body

    def attempts(self, log_id: str) -> list[Any]:
        """The attempts of a log, in their order."""
        query = sa.text("SELECT * FROM attempt WHERE log_id = :id ORDER BY started_at, ended_at")
        return self.house.read(lambda tx: list(tx.execute(query, {"id": log_id})))

    def state_of(self, log_id: str) -> str:
        """Where a log stands."""
        query = sa.text("SELECT state FROM log WHERE id = :id")
        return str(self.house.read(lambda tx: tx.scalar(query, {"id": log_id})))


def a_message(
    source: Mapping[str, Any], destinations: Sequence[Mapping[str, Any]], number: int = 0
) -> dict[str, Any]:
    """A message with that number, for these destinations."""
    return {
        "Meta": {
            "DataModel": "PatientAdmin",
            "EventType": "NewPatient",
            "Source": {"ID": source["id"]},
            "Destinations": [{"ID": destination["id"]} for destination in destinations],
        },
        "Patient": {"Identifiers": [{"ID": f"{number:08d}", "IDType": "MR"}]},
    }


def numbers(receiver: Receiver) -> list[int]:
    """The numbers of the messages that came, repeats too, in the order of their arrival."""
    return [int(body["Patient"]["Identifiers"][0]["ID"]) for body in receiver.bodies()]
