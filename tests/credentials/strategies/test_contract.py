"""What every strategy keeps: made over the API, asked as the delivery asks, checked by whoever it is meant for."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.conftest import SetClock
from tests.credentials.authorizing import REQUEST, ask, authorizing
from tests.credentials.conftest import DEVELOPMENT, PRODUCTION, World
from tests.credentials.strategies.cases import CASES, ELSEWHERE, Running
from tests.credentials.test_masking import kept_in, rows
from waypost.credentials.authorization import Authorized, NotAuthorized
from waypost.credentials.strategies import STRATEGIES
from waypost.egress.policy import Policy
from waypost.metrics import Metrics

PATH = "/platform/v1/authcredentials"


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, clock: SetClock) -> Iterator[tuple[str, Running]]:
    with CASES[request.param](clock) as running:
        yield request.param, running


@pytest.fixture(params=[name for name in CASES if not STRATEGIES[name].each_time])
def fetching(request: pytest.FixtureRequest, clock: SetClock) -> Iterator[tuple[str, Running]]:
    """A strategy that fetches tokens."""
    with CASES[request.param](clock) as running:
        yield request.param, running


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def body_of(name: str, running: Running, environment: str = DEVELOPMENT) -> dict[str, Any]:
    return {"name": "n", "environmentId": environment, "authStrategy": name, **running.fields}


def made_of(world: World, name: str, running: Running) -> dict[str, Any]:
    answer = world.client("POST", PATH, body_of(name, running))
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.payload["credential"]
    running.made(world.home(made["id"]))
    return made


def test_every_strategy_has_a_case() -> None:
    assert STRATEGIES.keys() - ELSEWHERE == CASES.keys()


async def test_it_authorizes_and_keeps_its_secrets(
    case: tuple[str, Running],
    world: World,
    policy: Policy,
    tmp_path: Path,
    logged: list[MutableMapping[str, Any]],
) -> None:
    name, running = case
    made = made_of(world, name, running)
    strategy = STRATEGIES[name]
    assert not strategy.secrets & made.keys()
    assert {made[f"has{secret[0].upper()}{secret[1:]}"] for secret in strategy.secrets} >= {True}
    async with authorizing(world, policy) as authorizer:
        answer = await ask(world, authorizer, made["id"])
        faults = running.server.faults if running.server else []
        assert (isinstance(answer, Authorized), faults) == (True, []), answer
        assert isinstance(answer, Authorized)
        assert running.accepts(REQUEST, answer.headers)
        seen = [repr(answer), repr(Metrics().exposed(None))]
        if running.server is not None:
            running.server.refuse(401, "invalid_client")
            authorizer.forget(made["id"], answer)
            refused = await ask(world, authorizer, made["id"])
            assert isinstance(refused, NotAuthorized)
            assert "answered 401" in refused.reason
            seen.append(refused.reason)
    answers = [
        world.get(made["id"]),
        world.client("GET", f"/platform/v1/environments/{DEVELOPMENT}/authcredentials"),
        world.patch(made["id"], {"name": ""}),
        world.patch(
            made["id"],
            dict.fromkeys(strategy.secrets, running.secrets[0] + "\n" if running.secrets else 1),
        ),
        world.client("GET", f"/waypost/v1/credentials/{made['id']}/jwks.json", token=""),
        world.delete(made["id"]),
    ]
    assert answers[-1].status == 200
    seen += [repr((each.headers, each.body)) for each in answers]
    seen += [repr(await world.events()), repr(logged)]
    files = kept_in(tmp_path) + await world.db.read(rows)
    hidden = running.secrets + (running.server.issued if running.server else [])
    assert [secret for secret in hidden if any(secret in each for each in seen)] == []
    assert [secret for secret in hidden if secret.encode() in files] == []


async def test_its_addresses_are_held_to_https_outside_development_and_to_the_policy(
    case: tuple[str, Running], world: World
) -> None:
    name, running = case
    urls = list(running.addresses)
    assert sorted(STRATEGIES[name].urls) == urls
    wrong = body_of(name, running, PRODUCTION) | dict.fromkeys(urls, "http://10.0.0.1/x")
    answer = world.client("POST", PATH, wrong)
    expected = [(f"/{url}", code) for url in urls for code in ("https_required", "address_not_allowed")]
    assert sorted(answer.faults) == sorted(expected) if urls else answer.status == 201


async def test_an_address_on_another_host_needs_the_secrets_again(case: tuple[str, Running], world: World) -> None:
    name, running = case
    made = made_of(world, name, running)
    there = [secret for secret in sorted(STRATEGIES[name].secrets) if made[f"has{secret[0].upper()}{secret[1:]}"]]
    for url in running.addresses:
        answer = world.patch(made["id"], {url: "https://elsewhere.example.com/token"})
        assert answer.faults == [(f"/{secret}", "secret_required") for secret in there]


async def test_two_nodes_share_one_fetch_and_a_refused_token_is_replaced_on_both(
    fetching: tuple[str, Running], world: World, policy: Policy
) -> None:
    name, running = fetching
    assert running.server is not None
    made = made_of(world, name, running)
    async with authorizing(world, policy) as one, authorizing(world, policy) as other:
        first = await ask(world, one, made["id"])
        assert isinstance(first, Authorized)
        assert (await ask(world, other, made["id"]), running.server.fetches) == (first, 1)
        running.server.revoke()
        one.forget(made["id"], first)
        second = await ask(world, one, made["id"])
        other.forget(made["id"], first)
        assert second != first
        assert (await ask(world, other, made["id"]), running.server.fetches) == (second, 2)
        assert world.patch(made["id"], {"name": "renamed"}).status == 200
        third = await ask(world, other, made["id"])
        assert third not in (first, second)
        assert running.server.faults == []
