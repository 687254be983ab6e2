"""One of each thing that a request can name, and cases aimed at them: what names nothing is refused unread.

scene = Scene(house, asking(house))
scene.refresh()                  # what an earlier case removed is there again
scene.aim(case)                  # ids in path and body become those of real things
"""

from typing import Any

from tests.support.callers import Callers

from torture.ask import Ask

DEVELOPMENT = "Development"
KEPT = (
    "/waypost/v1/queues/{queueId}",
    "/platform/v1/sources/{sourceId}",
    "/platform/v1/apikeys/{apikeyId}",
    "/platform/v1/authcredentials/{id}",
)
"""What is there as long as nobody removed anything."""


class Scene:
    """Things of the clinic's Development environment, as its owner and engineer made them."""

    def __init__(self, house: Callers, ask: Ask) -> None:
        self.house = house
        self.ask = ask
        self.environment = house.environments[DEVELOPMENT]
        self.organization = house.household.clinic.id
        memberships = self._get(f"/platform/v1/organizations/{self.organization}/role-assignment")["memberships"]
        ids = {one["user"]["lowercaseEmail"]: one["user"]["id"] for one in memberships}
        self.spare = ids["viewer@clinic.test"]
        self.in_path: dict[str, str] = {}
        self.in_body: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Make again whatever is no longer there, and take back what would forbid it."""
        self.house.call("PUT", f"/waypost/v1/environments/{self.environment}/egress", {}, by="owner")
        if self.in_path and all(self._is_there(path) for path in KEPT):
            return
        source, destination = self.house.source(by="owner"), self.house.destination(by="owner")
        subscription = self.house.subscription(source, destination)
        credential = self.house.credential(by="owner")
        log = self.house.message(source, destination)
        self.in_path = {
            "environmentId": self.environment,
            "organizationId": str(self.organization),
            "sourceId": source["id"],
            "destinationId": destination["id"],
            "subscriptionId": subscription["id"],
            "id": credential,
            "apikeyId": self._apikey(),
            "logId": log,
            "queueId": self._queue(subscription["id"]),
            "replayId": log,
        }
        self.in_body = {
            "environmentId": self.environment,
            "organization": self.organization,
            "authCredential": credential,
            "user": {"id": self.spare},
            "role": {"name": "viewer"},
            "source": {"id": source["id"]},
            "destination": {"id": destination["id"]},
            "Source": {"ID": source["id"]},
            "Destinations": [{"ID": destination["id"]}],
            "logId": log,
            "DataModel": "PatientAdmin",
            "EventType": "NewPatient",
            "datasetId": "hl7v2-adt",
        }

    def aim(self, value: Any) -> Any:
        """The JSON value with the ids of real things at the names of such."""
        if isinstance(value, dict):
            return {
                name: self.in_body[name] if name in self.in_body and inner is not None else self.aim(inner)
                for name, inner in value.items()
            }
        return [self.aim(inner) for inner in value] if isinstance(value, list) else value

    def _is_there(self, path: str) -> bool:
        return self.house.call("GET", path.format(**self.in_path), by="owner").status == 200

    def _apikey(self) -> str:
        path = f"/platform/v1/environments/{self.environment}/apikeys"
        body = {"name": "Feed", "jwksURL": "https://keys.example.com/set"}
        return str(self.house.call("POST", path, body, by="owner").payload["apikey"]["id"])

    def _queue(self, subscription: str) -> str:
        path = f"/waypost/v1/environments/{self.environment}/queues?_count=500"
        found = self._get(path)["queues"]
        return str(next(one["queueId"] for one in found if one["subscription"]["id"] == subscription))

    def _get(self, path: str) -> Any:
        answer = self.house.call("GET", path, by="owner")
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.body!r}")
        return answer.payload
