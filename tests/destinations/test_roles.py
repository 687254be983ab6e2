"""Who may do what with destinations, and that what somebody may not know of does not exist for them."""

from typing import Any

import pytest

from tests.destinations.calls import Made, path
from tests.support.house import House
from tests.support.serving import Answer

ONE = "https://one.example.com/in"
NOWHERE = "7d7f5d4e-3c49-4b53-8d5c-2a1f6f1f0b11"

READING = {
    "get": ("GET", "/platform/v1/destinations/{id}", None),
    "get settings": ("GET", "/waypost/v1/destinations/{id}", None),
}
WRITING = {
    "update": ("PATCH", "/platform/v1/destinations/{id}", {"name": "Laboratory"}),
    "update nothing": ("PATCH", "/platform/v1/destinations/{id}", {}),
    "update wrongly": ("PATCH", "/platform/v1/destinations/{id}", {"name": 1, "endpoint": "x"}),
    "delete": ("DELETE", "/platform/v1/destinations/{id}", None),
    "verify": ("POST", "/platform/v1/destinations/{id}/verify", {}),
    "update settings": ("PATCH", "/waypost/v1/destinations/{id}", {"timeoutSeconds": 5}),
    "set up": ("PUT", "/waypost/v1/destinations/{id}/setup", {"setupState": None}),
}
COLLECTION = "/platform/v1/environments/{id}/destinations"
EVERYTHING = READING | WRITING
EVERYWHERE = ("Development", "Staging", "Production")


def do(house: House, operation: str, made: Made | str, by: str | None, **more: Any) -> Answer:
    method, template, body = EVERYTHING[operation]
    destination_id = made if isinstance(made, str) else made["id"]
    return house.call(method, template.replace("{id}", destination_id), body, by=by, **more)


def told(answer: Answer, own_id: str) -> tuple[int, dict[str, str], bytes]:
    """All of an answer that does not differ between two requests as such."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    return answer.status, headers, answer.body.replace(own_id.encode(), NOWHERE.encode())


@pytest.fixture(scope="module", params=EVERYWHERE)
def made(strict: House, request: pytest.FixtureRequest) -> Made:
    """One in each environment."""
    return strict.destination(request.param, endpoint=ONE, verificationToken="t0ken")


@pytest.mark.parametrize("operation", READING)
@pytest.mark.parametrize("who", ["engineer", "support", "viewer", "owner"])
def test_every_role_reads(strict: House, made: Made, operation: str, who: str) -> None:
    assert do(strict, operation, made, who).status == 200


@pytest.mark.parametrize("who", ["engineer", "support", "viewer", "owner"])
@pytest.mark.parametrize("environment", EVERYWHERE)
def test_every_role_lists(strict: House, environment: str, who: str) -> None:
    answer = strict.call("GET", COLLECTION.replace("{id}", strict.environments[environment]), by=who)
    assert (answer.status, list(answer.payload)) == (200, ["destinations"])


@pytest.mark.parametrize("operation", WRITING)
@pytest.mark.parametrize("who", ["support", "viewer"])
def test_only_an_engineer_writes(strict: House, made: Made, operation: str, who: str) -> None:
    answer = do(strict, operation, made, who)
    assert (answer.status, answer.json["type"]) == (403, "/problems/forbidden")
    assert answer.json["detail"] == f"This needs the environment role engineer; yours is {who}."
    assert strict.call("GET", path(made)).headers["etag"] == '"1"'


@pytest.mark.parametrize("who", ["support", "viewer"])
@pytest.mark.parametrize("environment", EVERYWHERE)
def test_only_an_engineer_creates(strict: House, environment: str, who: str) -> None:
    collection = COLLECTION.replace("{id}", strict.environments[environment])
    for body in ({"name": "Ward"}, {}):
        answer = strict.call("POST", collection, body, by=who)
        assert (answer.status, "engineer" in answer.json["detail"]) == (403, True)


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize("who", ["admin without a role", "outsider"])
def test_without_a_role_it_is_as_if_it_did_not_exist(strict: House, made: Made, operation: str, who: str) -> None:
    real, unreal = do(strict, operation, made, who), do(strict, operation, NOWHERE, who)
    assert real.status == 404
    assert told(real, made["id"]) == told(unreal, NOWHERE)


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_destination_of_another_organization_does_not_exist(strict: House, operation: str) -> None:
    theirs = strict.destination(by="outsider", endpoint=ONE)
    for who in ("engineer", "owner", "viewer"):
        real, unreal = do(strict, operation, theirs, who), do(strict, operation, NOWHERE, who)
        assert (real.status, told(real, theirs["id"])) == (404, told(unreal, NOWHERE))


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize("environment", ["Staging", "Production"])
def test_a_role_in_one_environment_is_none_in_another(strict: House, environment: str, operation: str) -> None:
    other = strict.destination(environment, endpoint=ONE)
    who = "engineer of Development"
    real, unreal = do(strict, operation, other, who), do(strict, operation, NOWHERE, who)
    assert (real.status, told(real, other["id"])) == (404, told(unreal, NOWHERE))
    assert do(strict, "get", strict.destination(by=who), who).status == 200


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {"name": "Ward"}), ("POST", {})])
def test_an_environment_without_a_role_is_as_if_it_did_not_exist(
    strict: House, method: str, body: dict[str, str] | None
) -> None:
    for who, environment_id in (
        ("admin without a role", strict.environments["Development"]),
        ("engineer of Development", strict.environments["Staging"]),
        ("engineer", strict.household.elsewhere.environments["Development"]),
        ("outsider", strict.environments["Development"]),
    ):
        real = strict.call(method, COLLECTION.replace("{id}", environment_id), body, by=who)
        unreal = strict.call(method, COLLECTION.replace("{id}", NOWHERE), body, by=who)
        assert (real.status, told(real, environment_id)) == (404, told(unreal, NOWHERE)), who


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_deleted_destination_is_as_if_it_had_never_been(strict: House, operation: str) -> None:
    gone = strict.destination(endpoint=ONE)
    assert do(strict, "delete", gone, "engineer").status == 200
    real, unreal = do(strict, operation, gone, "engineer"), do(strict, operation, NOWHERE, "engineer")
    assert (real.status, told(real, gone["id"])) == (404, told(unreal, NOWHERE))


@pytest.mark.parametrize("operation", EVERYTHING)
def test_a_sources_token_is_refused(strict: House, made: Made, operation: str) -> None:
    answer = do(strict, operation, made, "source")
    assert (answer.status, "source" in answer.json["detail"]) == (403, True)


@pytest.mark.parametrize("operation", EVERYTHING)
@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ey" * 4_000])
def test_without_a_good_token_nothing_is_told(strict: House, made: Made, operation: str, token: str) -> None:
    real, unreal = (do(strict, operation, each, None, token=token) for each in (made, NOWHERE))
    assert (real.status, real.headers["www-authenticate"].split()[0]) == (401, "Bearer")
    assert told(real, made["id"]) == told(unreal, NOWHERE)


def test_a_refusal_is_audited(strict: House) -> None:
    made = strict.destination("Production")
    refused = do(strict, "delete", made, "engineer")
    assert refused.status == 403
    (event,) = [one for one in strict.events() if one["request_id"] == refused.headers["x-request-id"]]
    assert (event["type"], event["status"], event["route"]) == (
        "request-refused",
        "refused",
        f"DELETE {path(made)}",
    )
    assert event["details"] == {"detail": refused.json["detail"]}


def test_a_role_counts_from_when_it_is_given_to_when_it_is_taken(strict: House) -> None:
    made, who = strict.destination("Staging"), "engineer of Development"
    roles = f"/platform/v1/environments/{strict.environments['Staging']}/role-assignment"
    members = strict.call("GET", "/platform/v1/organizations/1/role-assignment", by="owner").payload["memberships"]
    user = next(
        one["user"] for one in members if one["user"]["lowercaseEmail"].startswith(who.replace(" ", ".").lower())
    )
    statuses = [do(strict, "get", made, who).status]
    for method, role in (("POST", "viewer"), ("PUT", "engineer"), ("DELETE", None)):
        body = {"user": {"id": user["id"]}} | ({"role": {"name": role}} if role else {})
        assert strict.call(method, roles, body, by="owner").status in {200, 201}
        statuses += [do(strict, "get", made, who).status, do(strict, "update", made, who).status]
    assert statuses == [404, 200, 403, 200, 200, 404, 404]
