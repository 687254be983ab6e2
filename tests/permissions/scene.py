"""Who calls, and what of the clinic's Development environment they call for: the requests behind `matrix.txt`.

A new route needs a line in the table, and here a request that succeeds for whoever may make it, unless that is
plain `{}` answered with 200.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support import keys
from tests.support.house import House
from torture import inside
from torture.ask import Got
from waypost.access import EnvironmentRole, OrganizationRole, operator
from waypost.apikeys import store as apikeys
from waypost.apikeys.model import ApiKey
from waypost.environments.store import Flag
from waypost.ids import new_id
from waypost.tokens import assertion
from waypost.users.model import NewUser, PublicKeys

GARBAGE = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
CALLERS: Mapping[str, str | None] = {
    "nobody": None,
    "garbage": None,
    "outsider": "outsider",
    "neighbour": "engineer of Staging",
    "viewer": "viewer",
    "support": "support",
    "engineer": "engineer",
    "admin": "admin without a role",
    "owner": "owner without a role",
    "both": "owner",
    "source": "source",
    "other": "source of Staging",
}
"""The columns of the table, each with the name of the token it calls with."""

JSON = "application/json"
LINES = "application/x-ndjson"


@dataclass(frozen=True)
class Ask:
    """A request: its body with `{names}` for ids, and what it is answered to whoever may make it."""

    body: Any = field(default_factory=dict)
    answer: int = 200
    media_type: str = JSON


MESSAGE = {
    "Meta": {
        "DataModel": "PatientAdmin",
        "EventType": "NewPatient",
        "Source": {"ID": "{sourceId}"},
        "Destinations": [{"ID": "{destinationId}"}],
    }
}
ROLE = {"role": {"name": "viewer"}, "user": {"id": "{userId}"}}
ORGANIZATION_ROLE = {"role": {"name": "member"}, "user": {"id": "{userId}"}}
CREDENTIAL = {
    "organization": 1, "name": "Keys", "environmentId": "{environmentId}", "grantType": "client_credentials",
    "url": "https://login.example.com/token", "clientId": "a", "clientSecret": "b",
}  # fmt: skip
ENDS = {"source": {"id": "{sourceId}"}, "destination": {"id": "{freeDestinationId}"}, "dataModel": "PatientAdmin"}
REASON = {"reason": "no longer needed"}
ENVIRONMENT = "/platform/v1/environments/{environmentId}"
OLDER = "/platform/v1/environment/{environmentId}"
OURS = "/waypost/v1/environments/{environmentId}"
DESTINATION = "/platform/v1/destinations/{destinationId}"

ASKED: Mapping[str, Ask] = {
    "GET /": Ask(answer=303),
    "POST /v2/auth/token": Ask(answer=400),
    "POST /auth/authenticate": Ask(answer=400),
    "POST /auth/refreshToken": Ask(answer=400),
    "POST /endpoint": Ask(MESSAGE),
    "POST /waypost/v1/messages": Ask(MESSAGE, media_type=LINES),
    f"POST {ENVIRONMENT}/role-assignment": Ask(ROLE, 409),  # everybody has a role there by now
    f"PUT {ENVIRONMENT}/role-assignment": Ask(ROLE),
    f"DELETE {ENVIRONMENT}/role-assignment": Ask({"user": {"id": "{leaverId}"}}),
    f"POST {OLDER}/role-assignment": Ask(ROLE, 409),
    f"PUT {OLDER}/role-assignment": Ask(ROLE),
    f"DELETE {OLDER}/role-assignment": Ask({"user": {"id": "{leaverId}"}}),
    "PUT /platform/v1/organizations/{organizationId}/role-assignment": Ask(ORGANIZATION_ROLE),
    "DELETE /platform/v1/organizations/{organizationId}/role-assignment": Ask({"user": {"id": "{leaverId}"}}),
    f"POST {ENVIRONMENT}/apikeys": Ask({"name": "Feed", "jwksURL": "https://keys.example.com/set"}, 201),
    f"POST {ENVIRONMENT}/destinations": Ask({"name": "Ward"}, 201),
    f"POST {ENVIRONMENT}/sources": Ask({"name": "Feed"}, 201),
    f"POST {ENVIRONMENT}/subscriptions": Ask(ENDS, 201),
    "POST /platform/v1/authcredentials": Ask(CREDENTIAL, 201),
    f"DELETE {DESTINATION}": Ask(REASON),
    f"POST {DESTINATION}/sendSampleDataset": Ask({"datasetId": "hl7v2-adt"}),
    f"POST {DESTINATION}/verify": Ask(answer=400),  # it has no endpoint
    "PUT /waypost/v1/destinations/{destinationId}/setup": Ask({"setupState": None}),
    "DELETE /platform/v1/sources/{sourceId}": Ask(answer=409),  # it has a subscription
    "DELETE /waypost/v1/subscriptions/{subscriptionId}": Ask(REASON),
    "POST /waypost/v1/queues/{queueId}/skip": Ask({"logId": "{logId}", "reason": "unreadable"}),
    "POST /waypost/v1/logs/{logId}/replay": Ask(answer=409),  # it has not ended
    f"POST {OURS}/notifications/test": Ask(answer=409),  # no channel is set up
}

USED_UP = {
    *(route for route in ASKED if route.startswith("DELETE ")),
    "DELETE /platform/v1/apikeys/{apikeyId}",
    "DELETE /platform/v1/authcredentials/{id}",
    f"POST {ENVIRONMENT}/subscriptions",
    "POST /waypost/v1/queues/{queueId}/skip",
}
"""What can be done but once with one of each thing."""

OF_A_WORKER = "POST /waypost/v1/queues/{queueId}/skip"
"""Done by the node that owns the queue. On PostgreSQL nobody does here: whoever may is told 503."""


class World:
    """The clinic's Development environment with one of each thing, and everybody's tokens."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.environment = house.environments["Development"]
        self.leavers = 0
        self._add("owner without a role", OrganizationRole.owner, {})
        self._add("engineer of Staging", OrganizationRole.member, {"Staging": EnvironmentRole.engineer})
        self._add_source()
        self.ids: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """One of each thing, new."""
        house = self.house
        source, destination, free = house.source(), house.destination(), house.destination()
        subscription = house.subscription(source, destination)
        log = house.message(source, destination)
        signing = {
            "organization": house.household.clinic.id, "name": "Keys", "environmentId": self.environment,
            "authStrategy": "SMART_Backend", "url": "https://login.example.com/token", "clientId": "a",
            "algorithm": "ES384",
        }  # fmt: skip
        credential = house.call("POST", "/platform/v1/authcredentials", signing)
        key = {"name": "Feed", "jwksURL": "https://keys.example.com/set"}
        apikey = house.call("POST", f"/platform/v1/environments/{self.environment}/apikeys", key)
        assert (credential.status, apikey.status) == (201, 201), credential.body
        queues = house.call("GET", f"/waypost/v1/environments/{self.environment}/queues?_count=500").payload
        replay = {"dryRun": False, "eventType": "nothing"}
        begun = house.call("POST", f"/waypost/v1/environments/{self.environment}/replays", replay)
        self.ids = {
            "environmentId": self.environment,
            "organizationId": house.household.clinic.id,
            "sourceId": source["id"],
            "destinationId": destination["id"],
            "freeDestinationId": free["id"],
            "subscriptionId": subscription["id"],
            "logId": log,
            "id": credential.payload["credential"]["id"],
            "apikeyId": apikey.payload["apikey"]["id"],
            "replayId": begun.payload["replay"]["id"],
            "queueId": next(
                one["queueId"] for one in queues["queues"] if one["subscription"]["id"] == subscription["id"]
            ),
            "userId": self._number("viewer"),
            "leaverId": self._leaver(),
        }

    def send(self, route: str, caller: str, ids: Mapping[str, Any] | None = None) -> Got:
        """The route's request by one of CALLERS; `ids` in place of the real ones."""
        method, _, template = route.partition(" ")
        ask = ASKED.get(route, Ask())
        known = {**self.ids, **(ids or {})}
        headers = {"host": "x", "x-request-id": "the-same-for-all"} | self._authorization(caller)
        body = b""
        if method != "GET":
            headers["content-type"] = ask.media_type
            body = json.dumps(filled(ask.body, known)).encode()
        return inside.call(self.house, method, template.format(**known), headers, body)

    def answer_of(self, route: str) -> int:
        """What the route answers to whoever may ask."""
        if route == OF_A_WORKER and self.house.waypost.ground.db.shared:
            return 503
        return ASKED.get(route, Ask()).answer

    def has_token(self, caller: str) -> None:
        """See to it that the caller's next request needs no new token."""
        self._authorization(caller)

    def _authorization(self, caller: str) -> dict[str, str]:
        if caller == "nobody":
            return {}
        who = CALLERS[caller]
        return {"authorization": f"Bearer {GARBAGE if who is None else self.house.token(who)}"}

    def _add(self, name: str, role: OrganizationRole, environments: Mapping[str, EnvironmentRole]) -> int:
        new = NewUser(
            f"{name.replace(' ', '.')}@clinic.test",
            self.house.household.clinic.id,
            PublicKeys(jwk_set=_key_set(name)),
            organization_role=role,
            environment_roles={self.house.environments[each]: held for each, held in environments.items()},
        )
        added = self.house.run(self.house.waypost.people.users.add(operator("users add"), new))
        self.house.household.clients[name] = added.key.client_id
        return added.user.id

    def _add_source(self) -> None:
        made = ApiKey(
            new_id(), self.house.environments["Staging"], Flag.staging, "Feed", None, _key_set("source of Staging")
        )
        self.house.write(lambda tx: apikeys.insert(tx, made, self.house.clock.now_ms()))
        self.house.household.clients["source of Staging"] = made.id

    def _leaver(self) -> str:
        """Somebody who can be shown the door."""
        self.leavers += 1
        roles = {"Development": EnvironmentRole.viewer}
        return str(self._add(f"leaver {self.leavers}", OrganizationRole.member, roles))

    def _number(self, name: str) -> str:
        path = f"/platform/v1/organizations/{self.house.household.clinic.id}/role-assignment"
        for one in self.house.call("GET", path, by="owner").payload["memberships"]:
            if one["user"]["lowercaseEmail"] == f"{name}@clinic.test":
                return str(one["user"]["id"])
        raise AssertionError(name)


def filled(value: Any, ids: Mapping[str, Any]) -> Any:
    """The value with ids at their names."""
    if isinstance(value, str):
        return value.format(**ids) if value.startswith("{") else value
    if isinstance(value, dict):
        return {name: filled(inner, ids) for name, inner in value.items()}
    return [filled(inner, ids) for inner in value] if isinstance(value, list) else value


def _key_set(name: str) -> dict[str, Any]:
    return {"keys": [assertion.public_of(keys.ec(name))]}
