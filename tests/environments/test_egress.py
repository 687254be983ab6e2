"""The egress list over HTTP: its shape, who may, what is refused, and that it counts at once on every path."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver
from tests.support.serving import Answer
from tests.support.stores import STORES
from tests.support.waiting import until

from waypost import app
from waypost.access import operator

NOTHING: dict[str, Any] = {"cidrs": [], "hosts": [], "ports": []}
HERE = {"cidrs": ["127.0.0.0/8"]}
ELSEWHERE = {"hosts": ["ehr.example.org"]}


@pytest.fixture(scope="module", params=STORES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("egress")
    with House(
        folder,
        on=request.param,
        allowed_networks="127.0.0.0/8",
        grantable_networks="10.20.0.0/16",
        retry_schedule=(3600,),
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def open_again(house: House) -> Iterator[None]:
    yield
    put(house, {})


def at(house: House, environment: str = "Development") -> str:
    return f"/waypost/v1/environments/{house.environments[environment]}/egress"


def put(house: House, body: Any, *, by: str | None = "owner", environment: str = "Development") -> Answer:
    return house.call("PUT", at(house, environment), body, by=by)


def test_an_environment_begins_without_a_list(house: House) -> None:
    answer = house.call("GET", at(house))
    assert (answer.status, answer.payload) == (200, {"egress": NOTHING})


def test_a_list_is_set_as_a_whole_and_comes_back(house: House) -> None:
    given = {
        "cidrs": ["203.0.114.0/24", "10.20.7.0/24", "2001:4860::/32"],
        "hosts": ["*.example.org"],
        "ports": [443],
    }
    answer = put(house, given)
    assert (answer.status, answer.payload) == (200, {"egress": given})
    assert house.call("GET", at(house)).payload == {"egress": given}
    assert put(house, {"ports": [8443]}).payload == {"egress": NOTHING | {"ports": [8443]}}
    assert house.call("GET", at(house, "Staging")).payload == {"egress": NOTHING}


def test_each_change_is_audited_once(house: House) -> None:
    before = len(house.events(house.environments["Staging"]))
    for _ in range(2):
        assert put(house, {"ports": [443]}, environment="Staging").status == 200
    [event] = house.events(house.environments["Staging"])[before:]
    assert event["type"] == "environment-egress-updated"
    assert event["details"]["before"] == NOTHING
    assert event["details"]["after"] == NOTHING | {"ports": [443]}
    put(house, {}, environment="Staging")


@pytest.mark.parametrize(
    ("who", "reads", "writes"),
    [
        (None, 401, 401),
        ("owner", 200, 200),
        ("admin without a role", 200, 403),
        ("engineer", 200, 403),
        ("viewer", 200, 403),
        ("outsider", 404, 404),
        ("source", 403, 403),
    ],
)
def test_an_owner_writes_and_whoever_works_there_reads(
    house: House, who: str | None, reads: int, writes: int
) -> None:
    assert house.call("GET", at(house), by=who).status == reads
    assert put(house, {}, by=who).status == writes


def test_an_environment_that_is_not_there_has_none(house: House) -> None:
    path = "/waypost/v1/environments/10000000-0000-4000-8000-000000000009/egress"
    assert house.call("GET", path, by="owner").status == 404
    assert house.call("PUT", path, {}, by="owner").status == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"cidrs": ["169.254.169.254/32"]}, "/cidrs/0", "never_allowed"),
        ({"cidrs": ["8.8.8.0/24", "169.254.0.0/16"]}, "/cidrs/1", "never_allowed"),
        ({"cidrs": ["fd00:ec2::254/128"]}, "/cidrs/0", "never_allowed"),
        ({"cidrs": ["100.100.100.200/32"]}, "/cidrs/0", "never_allowed"),
        ({"cidrs": ["168.63.129.16/32"]}, "/cidrs/0", "never_allowed"),
        ({"cidrs": ["::ffff:169.254.0.0/112"]}, "/cidrs/0", "invalid_network"),
        ({"cidrs": ["10.0.0.0/8"]}, "/cidrs/0", "network_not_permitted"),
        ({"cidrs": ["192.168.1.0/24"]}, "/cidrs/0", "network_not_permitted"),
        ({"cidrs": ["10.20.7.1/24"]}, "/cidrs/0", "invalid_network"),
        ({"cidrs": ["8.8.8.8/32", "8.8.8.8/32"]}, "/cidrs", "duplicate"),
        ({"cidrs": "8.8.8.8/32"}, "/cidrs", "wrong_type"),
        ({"cidrs": [8]}, "/cidrs/0", "wrong_type"),
        ({"hosts": ["metadata.google.internal"]}, "/hosts/0", "never_allowed"),
        ({"hosts": ["8.8.8.8"]}, "/hosts/0", "invalid_host"),
        ({"hosts": ["*"]}, "/hosts/0", "invalid_host"),
        ({"ports": [0]}, "/ports/0", "greater_than_equal"),
        ({"ports": [65536]}, "/ports/0", "less_than_equal"),
        ({"ports": ["443"]}, "/ports/0", "wrong_type"),
        ({"networks": []}, "/networks", "unknown_field"),
        ([], "", "wrong_type"),
    ],
)
def test_what_cannot_be_listed(house: House, body: Any, pointer: str, code: str) -> None:
    answer = put(house, body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])
    assert house.call("GET", at(house)).payload == {"egress": NOTHING}


def test_a_list_counts_for_the_next_attempt_and_a_wider_one_tries_what_waits(
    house: House, receiver: Receiver
) -> None:
    with Lane(house, endpoint=receiver.url) as lane:
        lane.send(1)
        lane.until("idle")
        assert put(house, ELSEWHERE).status == 200
        lane.send(2)
        held = lane.until("held")
        assert "egress list" in held["reason"]
        assert numbers(receiver) == [1]
        assert put(house, HERE).status == 200
        lane.until("idle")
        assert put(house, HERE | {"ports": [1]}).status == 200
        lane.send(3)
        lane.until("held")
        assert put(house, {"ports": [receiver.port]}).status == 200
        lane.until("idle")
        assert numbers(receiver) == [1, 2, 3]


def test_it_is_one_environments_alone(house: House, receiver: Receiver) -> None:
    assert put(house, ELSEWHERE, environment="Production").status == 200
    with Lane(house, endpoint=receiver.url) as lane:
        lane.send(1)
        lane.until("idle")
    put(house, {}, environment="Production")


def test_token_endpoints_are_under_the_list_too(house: House, receiver: Receiver) -> None:
    with OAuthServer(Expected(client_id="a", client_secret="b")) as oauth:
        tenant = house.household.clinic
        body = {
            "organization": tenant.id, "name": "Keys", "environmentId": tenant.development,
            "grantType": "client_credentials", "url": oauth.url, "clientId": "a", "clientSecret": "b",
        }  # fmt: skip
        made = house.call("POST", "/platform/v1/authcredentials", body)
        credential = made.payload["credential"]["id"]
        with Lane(house, endpoint=receiver.url, authCredential=credential) as lane:
            assert put(house, {"ports": [receiver.port]}).status == 200
            lane.send(1)
            held = lane.until("held")
            assert "token endpoint not reached" in held["reason"]
            assert "egress list" in held["reason"]
            assert put(house, {}).status == 200
            lane.until("idle")
            assert numbers(receiver) == [1]


def test_verifications_are_under_the_list_too(house: House, receiver: Receiver) -> None:
    made = house.destination(endpoint=receiver.url, verificationToken="t0ken")
    put(house, ELSEWHERE)
    answer = house.call("POST", f"/platform/v1/destinations/{made['id']}/verify")
    assert (answer.status, answer.faults) == (400, [("/endpoint", "address_not_allowed")])
    assert receiver.connections == 0


def test_what_is_stored_is_held_against_the_list(house: House) -> None:
    put(house, ELSEWHERE)
    tenant = house.household.clinic
    credential = {
        "organization": tenant.id, "name": "Keys", "environmentId": tenant.development,
        "grantType": "client_credentials", "clientId": "a", "clientSecret": "b",
    }  # fmt: skip
    collection = f"/platform/v1/environments/{tenant.development}"
    calls: list[tuple[str, dict[str, Any], str]] = [
        (f"{collection}/destinations", {"name": "Ward"}, "endpoint"),
        ("/platform/v1/authcredentials", credential, "url"),
        (f"{collection}/apikeys", {"name": "Feed"}, "jwksURL"),
    ]
    for path, body, field in calls:
        refused = house.call("POST", path, body | {field: "https://other.example.org/x"})
        assert (refused.status, refused.faults) == (400, [(f"/{field}", "address_not_allowed")])
        assert house.call("POST", path, body | {field: "https://ehr.example.org/x"}).status == 201


def test_key_sets_are_fetched_under_the_list_of_the_keys_environment(house: House, receiver: Receiver) -> None:
    made = house.call(
        "POST",
        f"/platform/v1/environments/{house.environments['Development']}/apikeys",
        {"name": "Feed", "jwksURL": receiver.url},
    )
    client_id = made.payload["apikey"]["id"]
    put(house, ELSEWHERE)
    house.household.clients["elsewhere"] = client_id
    with pytest.raises(AssertionError):
        house.token("elsewhere")
    assert receiver.connections == 0
    put(house, {})
    house.household.clients["elsewhere again"] = client_id
    with pytest.raises(AssertionError):
        house.token("elsewhere again")
    assert receiver.connections == 1


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_a_change_on_another_node_counts_here(house: House, receiver: Receiver) -> None:
    async def put_there(body: Any) -> None:
        async with app.opened(house.waypost.ground.settings) as other:
            await other.configuration.egress_lists.put(operator("test"), house.environments["Development"], body)

    with Lane(house, endpoint=receiver.url) as lane:
        lane.send(1)
        lane.until("idle")
        asyncio.run(put_there(ELSEWHERE))
        lane.send(2)
        lane.until("held")
        asyncio.run(put_there({}))
        until(lambda: numbers(receiver) == [1, 2], "the drain")
