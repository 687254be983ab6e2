"""Ids of other tenants where a request may name one: answered as ids that nobody has, to the byte.

And by the same statements, so that the time that it takes tells nothing either. A clock would prove less: here a
look-up that only one of the two takes is seen, however fast it is.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.permissions.scene import filled
from tests.support.house import House
from tests.support.stores import STORES
from tests.support.waiting import until
from torture import inside
from torture.ask import Got

ENVIRONMENT = "/platform/v1/environments/{environment}"
OURS = "/waypost/v1/environments/{environment}"


@dataclass(frozen=True)
class Guess:
    """A request with `{guessed}` in it, and what kind of thing that is."""

    kind: str
    request: str
    body: Any = None
    answer: int = 400
    by: str = "engineer"

    def __str__(self) -> str:
        return f"{self.request} {json.dumps(self.body)}"


def subscription(**ends: str) -> dict[str, Any]:
    ids = {"source": "{source}", "destination": "{destination}"} | ends
    return {name: {"id": value} for name, value in ids.items()} | {"dataModel": "Scheduling"}


def message(source: str, *destinations: str) -> dict[str, Any]:
    named = [{"ID": each} for each in destinations]
    return {
        "Meta": {"DataModel": "PatientAdmin", "EventType": "x", "Source": {"ID": source}, "Destinations": named}
    }


def credential(**more: str) -> dict[str, Any]:
    body = {
        "organization": "{organization}", "name": "Keys", "environmentId": "{environment}",
        "grantType": "client_credentials", "url": "https://login.example.com/token",
        "clientId": "a", "clientSecret": "b",
    }  # fmt: skip
    return body | more


ROLE = {"role": {"name": "viewer"}, "user": {"id": "{guessed}"}}
GUESSES = [
    Guess("credential", "PATCH /platform/v1/destinations/{destination}", {"authCredential": "{guessed}"}),
    Guess("credential", f"POST {ENVIRONMENT}/destinations", {"name": "Ward", "authCredential": "{guessed}"}),
    Guess("source", f"POST {ENVIRONMENT}/subscriptions", subscription(source="{guessed}")),
    Guess("destination", f"POST {ENVIRONMENT}/subscriptions", subscription(destination="{guessed}")),
    Guess("environment", "POST /platform/v1/authcredentials", credential(environmentId="{guessed}"), 404),
    Guess("organization", "POST /platform/v1/authcredentials", credential(organization="{guessed}")),
    Guess("source", f"POST {ENVIRONMENT}/logs/search/metadata", {"sourceId": "{guessed}"}, 200),
    Guess("destination", f"POST {ENVIRONMENT}/logs/search/metadata", {"destinationId": "{guessed}"}, 200),
    Guess("source", f"POST {ENVIRONMENT}/logs/search/payloads", {"sourceId": "{guessed}"}, 200),
    Guess("source", f"POST {OURS}/replays", {"sourceId": "{guessed}"}, 200),
    Guess("destination", f"POST {OURS}/replays", {"destinationId": "{guessed}"}, 200),
    Guess("destination", f"POST {OURS}/replays", {"destinationId": "{guessed}", "dryRun": False}, 201),
    Guess("source", f"GET {ENVIRONMENT}/subscriptions?sourceId={{guessed}}", answer=200),
    Guess("organization", f"GET {ENVIRONMENT}/subscriptions?destinationOrganizationId={{guessed}}", answer=200),
    Guess("log", "POST /waypost/v1/queues/{queue}/skip", {"logId": "{guessed}", "reason": "unreadable"}, 409),
    Guess("log", "GET /platform/v1/organizations/{organization}/logs/{guessed}", answer=404),
    Guess("replay", f"GET {OURS}/replays/{{guessed}}", answer=404),
    Guess("user", f"POST {ENVIRONMENT}/role-assignment", ROLE, by="owner"),
    Guess("user", f"PUT {ENVIRONMENT}/role-assignment", ROLE, by="owner"),
    Guess("user", f"DELETE {ENVIRONMENT}/role-assignment", {"user": ROLE["user"]}, 404, by="owner"),
    Guess(
        "user",
        "PUT /platform/v1/organizations/{organization}/role-assignment",
        {"role": {"name": "member"}, "user": {"id": "{guessed}"}},
        by="owner",
    ),
    Guess(
        "user", "GET /platform/v1/organizations/{organization}/audit-events?userId={guessed}", None, 200, "owner"
    ),
    Guess("source", "POST /endpoint", message("{guessed}", "{destination}"), by="source"),
    Guess("destination", "POST /endpoint", message("{source}", "{guessed}"), by="source"),
    Guess("destination", "POST /endpoint", message("{source}", "{destination}", "{guessed}"), by="source"),
    Guess("destination", "POST /waypost/v1/messages", message("{source}", "{guessed}"), 200, by="source"),
    Guess("destination", "GET /waypost/v1/destinations/{guessed}/deliveries", answer=404, by="source"),
]


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("guessed"), deliver=False, on=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def own(house: House) -> Mapping[str, Any]:
    """What the caller has in the clinic's Development."""
    source, destination = house.source(), house.destination()
    house.subscription(source, destination)
    house.message(source, destination)
    environment = house.environments["Development"]
    queues = house.call("GET", f"/waypost/v1/environments/{environment}/queues").payload["queues"]
    return {
        "environment": environment,
        "organization": house.household.clinic.id,
        "source": source["id"],
        "destination": destination["id"],
        "queue": queues[0]["queueId"],
    }


@pytest.fixture(scope="module")
def others(house: House) -> Mapping[str, list[Any]]:
    """What there is elsewhere: in another organization, and in the clinic's other environments."""
    staging = {"by": "engineer"}
    sources = [house.source(by="outsider"), house.source("Staging", **staging)]
    destinations = [house.destination(by="outsider"), house.destination("Staging", **staging)]
    replay = house.call(
        "POST",
        f"/waypost/v1/environments/{house.household.elsewhere.development}/replays",
        {"dryRun": False},
        by="outsider",
    )
    path = f"/platform/v1/organizations/{house.household.elsewhere.id}/role-assignment"
    memberships = house.call("GET", path, by="outsider").payload["memberships"]
    return {
        "credential": [house.credential(by="outsider"), house.credential("Staging")],
        "source": [one["id"] for one in sources],
        "destination": [one["id"] for one in destinations],
        "environment": [house.household.elsewhere.development],
        "organization": [house.household.elsewhere.id],
        "log": [_log_elsewhere(house, sources[0], destinations[0])],
        "replay": [replay.payload["replay"]["id"]],
        "user": [memberships[0]["user"]["id"]],
    }


@pytest.mark.parametrize("guess", GUESSES, ids=str)
def test_an_id_of_others_is_answered_as_one_that_nobody_has(
    house: House,
    own: Mapping[str, Any],
    others: Mapping[str, list[Any]],
    statements: list[str],
    guess: Guess,
) -> None:
    numbered = guess.kind in {"organization", "user"}
    nobodys: Any = 987_654 if numbered else str(uuid.uuid4())
    if house.waypost.ground.db.shared and guess.request.endswith("/skip"):
        return  # waits for a node that delivers, and there is none: both are refused with 503, after a while
    for guessed in others[guess.kind]:

        def alike(guessed: Any = guessed) -> bool:
            """Whether both took the same statements; who calls is looked up now and then, for either."""
            absent, asked = _counted(house, guess, own, nobodys, statements)
            got, asked_too = _counted(house, guess, own, guessed, statements)
            assert absent.status == guess.answer, absent.body
            assert (got.status, _without(got, guessed)) == (absent.status, _without(absent, nobodys))
            return asked == asked_too

        until(alike, "the same statements for both", seconds=5)


def _counted(
    house: House, guess: Guess, own: Mapping[str, Any], guessed: Any, statements: list[str]
) -> tuple[Got, list[str]]:
    """The answer, and the statements that were made for it."""
    statements.clear()
    got = _sent(house, guess, own, guessed)
    return got, list(statements)


def _sent(house: House, guess: Guess, own: Mapping[str, Any], guessed: Any) -> Got:
    ids = {**own, "guessed": guessed}
    method, _, template = guess.request.partition(" ")
    lines = guess.request.endswith("/messages")
    headers = {
        "host": "x",
        "x-request-id": "the-same-for-all",
        "content-type": "application/x-ndjson" if lines else "application/json",
        "authorization": f"Bearer {house.token(guess.by)}",
    }
    body = json.dumps(_numbers(filled(guess.body, ids), own, guessed)).encode() if guess.body is not None else b""
    return inside.call(house, method, template.format(**ids), headers, body)


def _numbers(value: Any, own: Mapping[str, Any], guessed: Any) -> Any:
    """The body with the organization as the number that it is."""
    if isinstance(value, dict) and "organization" in value:
        return value | {"organization": int(value["organization"])}
    return value


def _without(got: Got, guessed: Any) -> Any:
    """The answer without what was guessed, and without what is new in every answer."""
    text = got.body.decode()
    for before in '=/"':  # in a link, in `instance`, in a filter
        text = text.replace(f"{before}{guessed}", f"{before}-")
    if got.status != 201:
        return text
    found = json.loads(text)
    found["payload"]["replay"] |= {"id": "-", "createdAt": "-", "endedAt": "-"}
    return found


def _log_elsewhere(house: House, source: Mapping[str, Any], destination: Mapping[str, Any]) -> str:
    """A log of another organization: what its sample data set made."""
    path = f"/platform/v1/destinations/{destination['id']}/sendSampleDataset"
    assert house.call("POST", path, {"datasetId": "hl7v2-adt"}, by="outsider").status == 200
    environment = house.household.elsewhere.development
    path = f"/platform/v1/environments/{environment}/logs/search/metadata"
    return str(house.call("POST", path, {}, by="outsider").payload["results"][0]["id"])
