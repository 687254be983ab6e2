"""What the command line uses: keys with a pair of its own, and legacy keys."""

import json

import pytest

from tests.apikeys.conftest import PRIVATE, Keys, public
from tests.support.rooms import COMMAND_LINE, DEVELOPMENT, NOBODYS
from waypost import ids
from waypost.apikeys import store
from waypost.errors import Invalid, NotFound


async def test_a_key_is_added_with_its_public_half(keys: Keys) -> None:
    jwk = public("mine")
    made = await keys.service.add(COMMAND_LINE, DEVELOPMENT, "Sender", jwk)
    assert keys.one("GET", made.id).payload["apikey"]["jwkSet"] == {"keys": [jwk]}
    assert keys.told == ["changed"]


async def test_a_private_half_is_refused(keys: Keys) -> None:
    with pytest.raises(Invalid) as refusal:
        await keys.service.add(COMMAND_LINE, DEVELOPMENT, "Sender", PRIVATE["EC"]())
    assert [fault.code for fault in refusal.value.faults] == ["private_key"]


async def test_a_legacy_key_keeps_only_a_digest_of_its_secret(keys: Keys) -> None:
    version = await keys.room.version()
    key, secret = await keys.service.add_legacy(COMMAND_LINE, DEVELOPMENT, "Old feed")
    found = await keys.room.db.read(lambda tx: store.get_legacy(tx, key))
    assert found is not None
    assert (found.environment_id, found.name, found.secret_hash) == (DEVELOPMENT, "Old feed", ids.digest(secret))
    events = await keys.room.events()
    assert [event["type"] for event in events] == ["legacy-key-created"]
    assert json.loads(events[0]["details"]) == {"id": key, "after": {"name": "Old feed"}}
    assert secret not in str(events)
    assert await keys.room.version() == version + 1
    assert keys.told == ["changed"]


async def test_a_legacy_key_is_no_oauth_key(keys: Keys) -> None:
    key, _ = await keys.service.add_legacy(COMMAND_LINE, DEVELOPMENT, "Old feed")
    assert keys.list().payload == {"apikeys": []}
    assert await keys.room.db.read(lambda tx: store.get(tx, key)) is None


async def test_a_deleted_legacy_key_is_not_found(keys: Keys) -> None:
    key, _ = await keys.service.add_legacy(COMMAND_LINE, DEVELOPMENT, "Old feed")
    await keys.room.db.write(lambda tx: tx.execute(store.legacy_key.update().values(deleted_at=1)))
    assert await keys.room.db.read(lambda tx: store.get_legacy(tx, key)) is None


async def test_keys_need_an_environment_and_a_name(keys: Keys) -> None:
    for environment_id, name, error in ((NOBODYS, "n", NotFound), (DEVELOPMENT, " ", Invalid)):
        with pytest.raises(error):
            await keys.service.add(COMMAND_LINE, environment_id, name, public())
        with pytest.raises(error):
            await keys.service.add_legacy(COMMAND_LINE, environment_id, name)
    assert (await keys.room.events(), keys.told) == ([], [])
