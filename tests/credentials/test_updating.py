"""PATCH /platform/v1/authcredentials/{id}."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from tests.credentials.conftest import PRODUCTION, World, serving
from waypost.credentials import store
from waypost.egress.policy import Policy
from waypost.errors import NotFound
from waypost.vault import keyring
from waypost.vault.keyring import KeyUnavailable
from waypost.vault.vault import Vault

MOVED = "https://elsewhere.example.com/oauth/token"


async def secrets(world: World, credential_id: str) -> dict[str, str]:
    """What a delivery would open."""
    return await world.db.read(lambda tx: store.open_secrets(tx, world.vault, store.get(tx, credential_id)))


async def test_only_what_is_supplied_changes(world: World) -> None:
    made = world.create(audience="old", scopes="a b")
    world.clock.advance(60)
    answer = world.patch(made["id"], {"audience": "new"})
    expected = {**made, "audience": "new", "updatedAt": "2025-12-17T19:34:20.000Z"}
    assert (answer.status, answer.payload) == (200, {"credential": expected})
    assert world.get(made["id"]).payload == {"credential": expected}
    assert world.woken == [made["id"]]


async def test_a_new_secret_replaces_the_old_one(world: World) -> None:
    made = world.create(grantType="password", username="nurse", password="first password")
    assert world.patch(made["id"], {"clientSecret": "second secret"}).status == 200
    assert await secrets(world, made["id"]) == {"clientSecret": "second secret", "password": "first password"}
    assert world.woken == [made["id"]]


async def test_what_was_read_can_be_edited_and_sent_back(world: World) -> None:
    made = world.create()
    answer = world.patch(made["id"], {**made, "name": "edited"})
    assert (answer.status, answer.payload["credential"]["name"]) == (200, "edited")


@pytest.mark.parametrize("same", ["nothing", "everything", "the secret", "a spelling"])
async def test_no_real_change_is_no_change(world: World, same: str) -> None:
    made = world.create(noBasic=True, clientSecret="the secret")
    body = {
        "nothing": {},
        "everything": made,
        "the secret": {"clientSecret": "the secret"},
        "a spelling": {"noBasic": "true", "audience": None},
    }[same]
    events, tag = len(await world.events()), world.get(made["id"]).headers["etag"]
    world.clock.advance(60)
    answer = world.patch(made["id"], body)
    assert (answer.status, answer.payload["credential"]) == (200, made)
    assert (answer.headers["etag"], len(await world.events()), world.woken) == (tag, events, [])


async def test_null_clears_an_optional_field(world: World) -> None:
    made = world.create(audience="a", noBasic=True)
    changed = world.patch(made["id"], {"audience": None, "noBasic": None, "clientSecret": None})
    assert changed.status == 200
    body = changed.payload["credential"]
    assert ("audience" in body, "noBasic" in body, body["hasClientSecret"]) == (False, False, False)
    assert await secrets(world, made["id"]) == {}


FAULTS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"url": None}, ("/url", "required")),
    ({"grantType": None}, ("/grantType", "required")),
    ({"grantType": "authorization_code"}, ("/grantType", "literal_error")),
    ({"clientId": None}, ("/clientId", "required")),
    ({"name": None}, ("/name", "wrong_type")),
    ({"name": ""}, ("/name", "string_too_short")),
    ({"audience": 5}, ("/audience", "wrong_type")),
    ({"colour": "red"}, ("/colour", "unknown_field")),
    ({"colour": None}, ("/colour", "unknown_field")),
    ({"hasColour": True}, ("/hasColour", "unknown_field")),
    ({"id": "another"}, ("/id", "immutable")),
    ({"id": None}, ("/id", "immutable")),
    ({"environmentId": PRODUCTION}, ("/environmentId", "immutable")),
    ({"organization": 119}, ("/organization", "immutable")),
    ({"organization": "118"}, ("/organization", "immutable")),
    ({"createdAt": "2020-01-01T00:00:00.000Z"}, ("/createdAt", "immutable")),
    ({"updatedAt": 5}, ("/updatedAt", "immutable")),
    ({"authStrategy": "SMART_Backend"}, ("/authStrategy", "immutable")),
    ({"hasClientSecret": False}, ("/hasClientSecret", "immutable")),
    ({"hasClientSecret": 1}, ("/hasClientSecret", "immutable")),
    ({"clientSecret": "pasted "}, ("/clientSecret", "surrounding_whitespace")),
    ({"customFieldName": "x"}, ("/customFieldValue", "required")),
    ({"url": MOVED}, ("/clientSecret", "secret_required")),
    ({"url": "http://login.example.com/oauth/token"}, ("/clientSecret", "secret_required")),
    ({"url": "https://login.example.com:8443/oauth/token"}, ("/clientSecret", "secret_required")),
    ({"url": MOVED, "hasClientSecret": True}, ("/clientSecret", "secret_required")),
    ({"url": "gopher"}, ("/url", "invalid_url")),
]


@pytest.mark.parametrize(("body", "fault"), FAULTS)
async def test_what_is_wrong_is_named_and_nothing_changes(
    world: World, body: dict[str, Any], fault: tuple[str, str]
) -> None:
    made = world.create()
    answer = world.patch(made["id"], body)
    assert (answer.status, answer.faults) == (400, [fault])
    assert world.get(made["id"]).payload == {"credential": made}
    assert world.woken == []


async def test_every_fault_comes_back_at_once(world: World) -> None:
    made = world.create()
    body = {"name": "", "id": "x", "colour": 1, "url": MOVED, "audience": 2}
    assert sorted(world.patch(made["id"], body).faults) == [
        ("/audience", "wrong_type"),
        ("/clientSecret", "secret_required"),
        ("/colour", "unknown_field"),
        ("/id", "immutable"),
        ("/name", "string_too_short"),
    ]


async def test_another_host_is_accepted_together_with_every_secret(world: World) -> None:
    made = world.create(grantType="password", username="u", password="p")
    answer = world.patch(made["id"], {"url": MOVED, "clientSecret": "again"})
    assert answer.faults == [("/password", "secret_required")]
    answer = world.patch(made["id"], {"url": MOVED, "clientSecret": "again", "password": "p"})
    assert (answer.status, answer.payload["credential"]["url"]) == (200, MOVED)
    assert await secrets(world, made["id"]) == {"clientSecret": "again", "password": "p"}


async def test_another_host_needs_no_secret_that_is_cleared_with_it(world: World) -> None:
    made = world.create()
    assert world.patch(made["id"], {"url": MOVED, "clientSecret": None}).status == 200
    assert await secrets(world, made["id"]) == {}


@pytest.mark.parametrize(
    "url", ["https://LOGIN.example.com:443/oauth/token", "https://login.example.com/v2/token?tenant=1"]
)
async def test_another_path_on_the_same_host_needs_no_secret(world: World, url: str) -> None:
    made = world.create()
    assert world.patch(made["id"], {"url": url}).status == 200


async def test_production_keeps_to_https(world: World) -> None:
    made = world.create(environmentId=PRODUCTION)
    body = {"url": "http://login.example.com/oauth/token", "clientSecret": "again"}
    assert world.patch(made["id"], body).faults == [("/url", "https_required")]


async def test_a_change_is_audited_with_before_and_after_in_one_commit(world: World) -> None:
    made = world.create(audience="old", url="https://login.example.com/token?code=1111")
    world.clock.advance(60)
    before = world.db.commits
    body = {"audience": "new", "clientSecret": "fresh", "url": "https://login.example.com/token?code=2222"}
    assert world.patch(made["id"], body).status == 200
    assert world.db.commits == before + 1
    event = (await world.events())[-1]
    assert event["type"] == "auth-credential-updated"
    hidden = "https://login.example.com/token?…"
    assert json.loads(event["details"]) == {
        "id": made["id"],
        "before": {"audience": "old", "url": hidden},
        "after": {"audience": "new", "url": hidden, "clientSecret": "changed"},
    }


async def test_a_stale_if_match_changes_nothing(world: World) -> None:
    made = world.create()
    tag = world.get(made["id"]).headers["etag"]
    changed = world.patch(made["id"], {"name": "mine"}, headers={"if-match": tag})
    assert (changed.status, changed.headers["etag"] != tag) == (200, True)
    answer = world.patch(made["id"], {"name": "theirs"}, headers={"if-match": tag})
    assert (answer.status, answer.json["type"]) == (412, "/problems/stale")
    assert world.get(made["id"]).payload["credential"]["name"] == "mine"
    assert world.woken == [made["id"]]


@pytest.mark.parametrize("form", ["{tag}", '"other", {tag}', "*"])
async def test_an_if_match_that_names_the_version_lets_the_change_through(world: World, form: str) -> None:
    made = world.create()
    tag = world.get(made["id"]).headers["etag"]
    assert world.patch(made["id"], {"name": "x"}, headers={"if-match": form.format(tag=tag)}).status == 200


async def test_a_weak_tag_never_matches(world: World) -> None:
    made = world.create()
    tag = world.get(made["id"]).headers["etag"]
    assert world.patch(made["id"], {"name": "x"}, headers={"if-match": f"W/{tag}"}).status == 412


async def test_each_change_moves_the_version(world: World) -> None:
    made = world.create()
    versions = [await world.db.read(lambda tx: store.version(tx, made["id"]))]
    for name in ("a", "b"):
        world.patch(made["id"], {"name": name})
        versions.append(await world.db.read(lambda tx: store.version(tx, made["id"])))
    assert versions == [1, 2, 3]


async def test_a_lost_key_is_said_and_does_not_stand_in_the_way_of_new_secrets(
    world: World, policy: Policy
) -> None:
    made = world.create()
    world.vault = Vault(world.db, keyring.Keyring("another", {"another": bytes(32)}), world.clock)
    with serving(world, policy):
        answer = world.patch(made["id"], {"audience": "new"})
        assert (answer.status, answer.json["type"]) == (503, "/problems/key_unavailable")
        assert world.patch(made["id"], {"name": "renamed"}).status == 200
        assert world.patch(made["id"], {"clientSecret": "fresh"}).status == 200
    assert await secrets(world, made["id"]) == {"clientSecret": "fresh"}


async def test_secrets_open_only_for_the_version_they_belong_to(world: World) -> None:
    made = world.create()
    old = await world.db.read(lambda tx: store.get(tx, made["id"]))
    world.patch(made["id"], {"clientSecret": "fresh"})
    with pytest.raises(NotFound):
        await world.db.read(lambda tx: store.open_secrets(tx, world.vault, old))


async def test_an_older_blob_put_back_into_its_row_does_not_open(world: World) -> None:
    made = world.create()
    row = store.credential.c.id == made["id"]
    old = await world.db.read(lambda tx: tx.scalar(sa.select(store.credential.c.sealed).where(row)))
    world.patch(made["id"], {"clientSecret": "fresh"})
    await world.db.write(lambda tx: tx.execute(store.credential.update().where(row).values(sealed=old)))
    with pytest.raises(KeyUnavailable):
        await secrets(world, made["id"])
