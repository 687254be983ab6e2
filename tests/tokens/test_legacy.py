"""Legacy keys: a secret for a day's token, and refresh tokens that work once."""

import asyncio
from datetime import datetime

import pytest
from tests.support.serving import Answer
from tests.tokens.conftest import World

from waypost.access import operator
from waypost.clock import iso
from waypost.tokens import store

CLI = operator("x")


@pytest.fixture
async def key(world: World) -> dict[str, str]:
    made, secret = await world.apikeys.add_legacy(CLI, world.tenant.development, "legacy")
    return {"apiKey": made, "secret": secret}


def log_in(world: World, body: object) -> Answer:
    return world.call("POST", "/auth/authenticate", body)


def refresh(world: World, key: str, token: str) -> Answer:
    return world.call("POST", "/auth/refreshToken", {"apiKey": key, "refreshToken": token})


def refused(answer: Answer) -> None:
    assert (answer.status, answer.json["type"]) == (401, "/problems/unauthenticated")


async def test_a_key_and_its_secret_give_a_token_for_a_day(world: World, key: dict[str, str]) -> None:
    answer = log_in(world, key)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.json) == {"accessToken", "expires", "refreshToken"}
    assert answer.json["expires"] == iso(world.clock.now_ms() + 24 * 3600 * 1000)
    assert datetime.strptime(answer.json["expires"], "%Y-%m-%dT%H:%M:%S.%f%z")
    who = world.who(answer.json["accessToken"]).payload["principal"]
    assert who == f"Source(client_id='{key['apiKey']}', environment_id='{world.tenant.development}')"
    world.clock.advance(24 * 3600 - 1)
    assert world.who(answer.json["accessToken"]).status == 200
    world.clock.advance(1)
    refused(world.who(answer.json["accessToken"]))


async def test_a_wrong_key_and_a_wrong_secret_look_the_same(world: World, key: dict[str, str]) -> None:
    wrong = [
        log_in(world, {**key, "secret": "x"}),
        log_in(world, {**key, "secret": ""}),
        log_in(world, {**key, "apiKey": "unknown"}),
        log_in(world, {"apiKey": "unknown", "secret": ""}),
        log_in(world, {"apiKey": world.client_id, "secret": key["secret"]}),
    ]
    for answer in wrong:
        refused(answer)
    assert len({answer.json["detail"] for answer in wrong}) == 1


@pytest.mark.parametrize("path", ["/auth/authenticate", "/auth/refreshToken"])
async def test_every_fault_of_the_body_is_pointed_at(world: World, path: str) -> None:
    answer = world.call("POST", path, {"apiKey": 5, "extra": "x"})
    assert answer.status == 400
    assert {pointer for pointer, _ in answer.faults} > {"/apiKey", "/extra"}
    assert world.call("POST", path, b"{").status == 400
    assert world.call("POST", path, b"x", headers={"content-type": "text/plain"}).status == 415


async def test_a_refresh_token_gives_the_next_pair_once(world: World, key: dict[str, str]) -> None:
    first = log_in(world, key).json
    second = refresh(world, key["apiKey"], first["refreshToken"])
    assert (second.status, set(second.json)) == (200, {"accessToken", "expires", "refreshToken"})
    assert second.json["refreshToken"] != first["refreshToken"]
    assert world.who(second.json["accessToken"]).status == 200
    refused(refresh(world, key["apiKey"], first["refreshToken"]))
    assert refresh(world, key["apiKey"], second.json["refreshToken"]).status == 200


async def test_of_many_that_use_a_refresh_token_at_once_one_gets_a_pair(world: World, key: dict[str, str]) -> None:
    body = {"apiKey": key["apiKey"], "refreshToken": log_in(world, key).json["refreshToken"]}
    found = await asyncio.gather(*(world.restarted().refresh(body) for _ in range(8)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["LegacyIssued"] + ["Unauthenticated"] * 7


async def test_a_refresh_token_is_of_its_key_alone(world: World, key: dict[str, str]) -> None:
    other, _ = await world.apikeys.add_legacy(CLI, world.tenant.development, "other")
    token = log_in(world, key).json["refreshToken"]
    refused(refresh(world, other, token))
    refused(refresh(world, "unknown", token))
    refused(refresh(world, key["apiKey"], "x"))
    assert refresh(world, key["apiKey"], token).status == 200


async def test_a_refresh_token_ends_after_thirty_days_and_its_row_goes(world: World, key: dict[str, str]) -> None:
    token = log_in(world, key).json["refreshToken"]
    world.clock.advance(30 * 24 * 3600 + 1)
    refused(refresh(world, key["apiKey"], token))
    log_in(world, key)
    rows = await world.db.read(lambda tx: tx.execute(store.refresh_token.select()).all())
    assert len(rows) == 1


async def test_only_a_digest_of_a_refresh_token_is_kept(world: World, key: dict[str, str]) -> None:
    token = log_in(world, key).json["refreshToken"]
    (row,) = await world.db.read(lambda tx: tx.execute(store.refresh_token.select()).all())
    assert token not in repr(row)


async def test_refreshing_works_after_a_restart(world: World, key: dict[str, str]) -> None:
    token = log_in(world, key).json["refreshToken"]
    issued = await world.restarted().refresh({"apiKey": key["apiKey"], "refreshToken": token})
    assert world.who(issued.accessToken).status == 200
    refused(refresh(world, key["apiKey"], token))
