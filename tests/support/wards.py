"""A ward: a lane whose messages name patients, and a receiver that refuses some of them.

with Ward(house) as ward:
    ward.subscription(childQueues=MR)
    ward.send("ann", "bob", ("ann", "bob"))    # the last one merges two patients
    ward.refuse("ann")
    ward.arrived(3)                            # (patients, number) of what was taken, in order
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, Reply, Request, answer
from tests.support.waiting import until
from waypost.queues import recount

MR = {"identifierType": "MR", "path": "Patient.Identifiers"}

Patients = str | tuple[str, ...]
"""Whom a message names; none: an empty tuple."""


class Ward(AbstractContextManager["Ward"]):
    """See the top of the file."""

    def __init__(self, house: House, *, status: int = 503, **destination: Any) -> None:
        self.house = house
        self.status = status
        self._refused: frozenset[int | str] = frozenset()
        self._sent = 0
        self._seen: list[tuple[tuple[tuple[str, ...], int], bool]] = []
        self.receiver = Receiver(self._reply)
        self.lane = Lane(house, endpoint=self.receiver.url, **destination)

    def __exit__(self, *_: object) -> None:
        self.lane.__exit__()
        self.receiver.close()

    def subscription(self, **changes: Any) -> dict[str, Any]:
        """PATCH the subscription; it as it is then."""
        found = self.house.call("PATCH", f"/waypost/v1/subscriptions/{self.lane.queue_id}", changes)
        assert found.status == 200, found.body
        shown: dict[str, Any] = found.payload["subscription"]
        return shown

    def refuse(self, *those: int | str) -> None:
        """Refuse messages of these patients, or with these numbers, from now on; no others."""
        self._refused = frozenset(those)

    def pause(self, queue_id: str) -> None:
        """Pause a queue, and wait for the end of what it has on its way."""
        found = self.house.call("POST", f"/waypost/v1/queues/{queue_id}/pause")
        assert found.payload["queue"]["state"] == "paused"
        until(lambda: not self.house.waypost.engine.worker.is_running(queue_id), "the end of its attempt")

    def send(self, *messages: Patients) -> list[str]:
        """Send a message for each, numbered from 1 on; their log ids."""
        return [self._send((each,) if isinstance(each, str) else each) for each in messages]

    def _send(self, patients: tuple[str, ...]) -> str:
        self._sent += 1
        body = self.lane.body() | {"Number": self._sent, "Patient": named(patients)}
        found = self.house.call("POST", "/endpoint", body, by="source")
        assert found.status == 200, found.body
        return str(found.json["Meta"]["Logs"][0]["ID"])

    @property
    def taken(self) -> list[tuple[tuple[str, ...], int]]:
        """What was not refused, in the order of its arrival."""
        return [each for each, refused in self._seen if not refused]

    def of(self, patient: str) -> list[int]:
        """The numbers of what was taken that names a patient, in the order of arrival."""
        return [number for patients, number in self.taken if patient in patients]

    def arrived(self, count: int) -> list[tuple[tuple[str, ...], int]]:
        """What was taken, once it is so many."""
        until(lambda: len(self.taken) >= count, f"{count} messages taken")
        return self.taken

    def queues(self) -> list[dict[str, Any]]:
        """The destination's queues as the API lists them, empty ones left out."""
        environment = self.house.environments["Development"]
        found = self.house.call("GET", f"/waypost/v1/environments/{environment}/queues?_count=500").payload[
            "queues"
        ]
        mine = [queue for queue in found if queue["destination"]["id"] == self.lane.destination["id"]]
        return [queue for queue in mine if queue["depth"]]

    def empty(self) -> None:
        """Wait until nothing is pending; the rows say what the counters say."""
        until(lambda: not self.queues(), "every queue's being empty")
        assert self.house.read(recount.faults) == []

    def _reply(self, request: Request) -> Reply:
        patients, number = whom(request.json), request.json["Number"]
        refused = bool(self._refused & {*patients, number})
        self._seen.append(((patients, number), refused))
        return answer(self.status) if refused else answer(200)


def named(patients: Iterable[str]) -> dict[str, Any]:
    """The patient of a message; all but the first name stand among the previous identifiers."""
    found = [{"ID": each, "IDType": "MR"} for each in patients]
    return {"Identifiers": [*found[:1], {"ID": "x", "IDType": "EHRID"}], "PreviousIdentifiers": found[1:]}


def whom(message: dict[str, Any]) -> tuple[str, ...]:
    """Whom a message names."""
    patient = message["Patient"]
    listed = [*patient["Identifiers"], *patient["PreviousIdentifiers"]]
    return tuple(each["ID"] for each in listed if each["IDType"] == "MR")
