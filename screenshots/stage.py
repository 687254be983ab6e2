"""What is to be seen: a house with sources, destinations that deliver and that hold, and an hour of traffic.

with Stage(folder) as stage:
    stage.house, stage.held, stage.delivering …     # the house, and ids of what is worth a picture
"""

import random
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer
from tests.support.waiting import until

from waypost.db.database import Tx
from waypost.demo import messages
from waypost.ledger import minutes
from waypost.ledger.minutes import MINUTE_MS, ledger_minute

ENVIRONMENT = "Development"
EXPIRED = b'{"error":"invalid_token","error_description":"The access token expired"}'
BEFORE = 60
BEHIND = 34


class Stage(AbstractContextManager["Stage"]):
    """See the top of the file."""

    def __init__(self, folder: Path) -> None:
        self._open = ExitStack()
        self.house = self._open.enter_context(House(folder, allowed_networks=LOOPBACK))
        self.environment_id = self.house.environments[ENVIRONMENT]
        self._source = self._create("source", name="Nowhere General Hospital")
        self._receivers: dict[str, Receiver] = {}
        self.queues: dict[str, str] = {}
        self.destinations: dict[str, str] = {}
        self.logs: dict[str, list[str]] = {}

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def play(self) -> "Stage":
        """Have it all happen."""
        for name in ("Care coordination", "Immunization registry", "Data warehouse", "Results inbox"):
            self._route(name)
        for name in self.queues:
            self._send(name, BEFORE)
        self._settle()
        self._receivers["Care coordination"].behave(answer(401, EXPIRED, {"content-type": "application/json"}))
        self._send("Care coordination", BEHIND)
        self._send("Immunization registry", BEHIND)
        self._act("Data warehouse", "pause")
        self._send("Data warehouse", BEHIND // 2)
        self._skip()
        until(lambda: self.queue("Care coordination")["state"] == "held", "the queue's being held")
        self.house.write(self._remember)
        return self

    def queue(self, name: str) -> Any:
        """A queue as the API shows it."""
        return self.house.call("GET", f"/waypost/v1/queues/{self.queues[name]}").payload["queue"]

    def _create(self, noun: str, **body: Any) -> dict[str, Any]:
        answered = self.house.call("POST", f"/platform/v1/environments/{self.environment_id}/{noun}s", body)
        assert answered.status == 201, answered.body  # noqa: S101 - the pictures need it
        made: dict[str, Any] = answered.payload[noun]
        return made

    def _route(self, name: str) -> None:
        receiver = self._receivers[name] = self._open.enter_context(Receiver())
        body: dict[str, Any] = {"name": name, "endpoint": receiver.url, "verificationToken": "a-token-of-theirs"}
        made = self._create("destination", **body)
        ends = {"source": {"id": self._source["id"]}, "destination": {"id": made["id"]}}
        self.queues[name] = self._create("subscription", **ends, dataModel=messages.DATA_MODEL)["id"]
        self.destinations[name] = made["id"]

    def _send(self, name: str, count: int) -> None:
        for each in islice(messages.feed(self._source["id"], self.destinations[name]), count):
            answered = self.house.call("POST", "/endpoint", each, by="source")
            self.logs.setdefault(name, []).append(answered.json["Meta"]["Logs"][0]["ID"])

    def _settle(self) -> None:
        until(lambda: all(self.queue(name)["state"] == "idle" for name in self.queues), "everything's delivery")

    def _act(self, name: str, verb: str, body: Any = None) -> None:
        answered = self.house.call("POST", f"/waypost/v1/queues/{self.queues[name]}/{verb}", body)
        assert answered.status == 200, answered.body  # noqa: S101 - likewise

    def _skip(self) -> None:
        """One message that was given up, for the ledger's picture."""
        name = "Results inbox"
        self._receivers[name].behave(answer(422, b'{"error":"Patient is not known here"}'))
        self._send(name, 1)
        until(lambda: self.queue(name)["state"] == "held", "the message's refusal")
        skipped = {"logId": self.logs[name][-1], "reason": "A test patient, agreed with the registry."}
        self._act(name, "pause")
        until(
            lambda: self.house.call("POST", f"/waypost/v1/queues/{self.queues[name]}/skip", skipped).status == 200
        )
        self._receivers[name].behave(answer())
        self._act(name, "resume")
        until(lambda: self.queue(name)["state"] == "idle", "its queue's going on")

    def _remember(self, tx: Tx) -> None:
        """An hour of readings that end where the counters stand, as a quiet hospital would have left them."""
        now = self.house.clock.now_ms()
        minutes.write(tx, now)
        tx.execute(ledger_minute.delete())
        chance = random.Random(7)  # noqa: S311 - a picture's ups and downs
        accepted = delivered = 0
        rows = []
        for minute in range(now // MINUTE_MS - 62, now // MINUTE_MS):
            behind = minute > now // MINUTE_MS - 12
            come = chance.randint(1, 5)
            accepted, delivered = accepted + come, delivered + (come if not behind else come // 2)
            rows.append((minute, accepted, delivered))
        total = len([each for ids in self.logs.values() for each in ids])
        shift = total - accepted
        values = [
            {"environment_id": self.environment_id, "minute": m, "accepted": a + shift, "delivered": d + shift}
            for m, a, d in rows
        ]
        tx.execute(ledger_minute.insert(), values)
