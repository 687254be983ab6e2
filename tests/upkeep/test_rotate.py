"""A new sealing key locks nobody out, however the rotation ends."""

import asyncio
import json

import pytest
import sqlalchemy as sa

from tests.support.receiver import Receiver
from tests.upkeep.conftest import CALLER, DELIVERED, WAITING, Store, checked, settings
from waypost.app import opened
from waypost.upkeep.model import UpkeepRefused
from waypost.vault import keyring
from waypost.vault.vault import data_key

MORE = 20


async def kek_ids(store: Store) -> set[str]:
    query = sa.select(data_key.c.kek_id)
    return set(await store.waypost.ground.db.read(lambda tx: tx.scalars(query).all()))


async def test_every_data_key_is_wrapped_under_the_new_key(store: Store) -> None:
    before = keyring.load(store.key_file)
    result = await store.waypost.engine.upkeep.rotate_keys()
    after = keyring.load(store.key_file)
    assert result["previous"] == before.current
    assert result["key"] == after.current != before.current
    assert result["dataKeys"] > 0
    assert await kek_ids(store) == {after.current}
    assert before.keys.items() <= after.keys.items()


async def test_everything_opens_after_a_rotation_and_a_restart(store: Store) -> None:
    await store.waypost.engine.upkeep.rotate_keys()
    async with opened(settings(store.folder, store.url)) as reopened:
        report = await checked(reopened)
    assert report["ok"], report
    assert report["checked"]["messages"] == DELIVERED + WAITING


async def test_a_rotation_killed_before_anything_was_wrapped_harms_nothing(store: Store) -> None:
    keyring.save(store.key_file, keyring.load(store.key_file).with_new_current())
    async with opened(settings(store.folder, store.url)) as reopened:
        assert (await checked(reopened))["ok"]
        result = await reopened.engine.upkeep.rotate_keys()
        assert (await checked(reopened))["ok"]
    assert await kek_ids(store) == {result["key"]}


async def test_a_rotation_keeps_the_keys_in_use_when_the_file_was_exchanged(store: Store) -> None:
    in_use = keyring.load(store.key_file)
    store.key_file.unlink()
    keyring.create(store.key_file)
    await store.waypost.engine.upkeep.rotate_keys()
    assert in_use.keys.items() <= keyring.load(store.key_file).keys.items()
    assert (await checked(store.waypost))["ok"]


async def test_messages_come_and_go_while_the_key_is_changed_again_and_again(store: Store) -> None:
    """Each is taken, delivered and opens, whichever key was the newest at its moment."""
    with Receiver() as receiver:
        waypost, seen = store.waypost, set()
        await waypost.configuration.destinations.update(
            CALLER, await _destination(store), {"endpoint": receiver.url}
        )
        await waypost.engine.worker.start()
        sending = asyncio.create_task(_sent(store, MORE))
        while not sending.done():
            seen.add((await waypost.engine.upkeep.rotate_keys())["key"])
        await sending
        await receiver.arrived(WAITING + MORE)
        await waypost.engine.worker.stop()
    assert len(seen) > 2
    async with opened(settings(store.folder, store.url)) as reopened:
        report = await checked(reopened)
        lost = await reopened.ground.db.read(reopened.ground.vault.newest_lost)
    assert (report["ok"], lost) == (True, None), report
    assert report["checked"]["messages"] == DELIVERED + WAITING + MORE


async def _destination(store: Store) -> str:
    [found] = await store.waypost.configuration.destinations.of_environment(CALLER, store.tenant.development)
    return str(found["id"])


async def _sent(store: Store, count: int) -> None:
    for _ in range(count):
        store.waypost.ground.clock.advance(24 * 3600)  # type: ignore[attr-defined] # so that each has a data key of its own
        await store.accept_another()


async def test_a_lost_key_does_not_stand_in_the_way_of_a_rotation(store: Store) -> None:
    await store.change(
        "INSERT INTO data_key SELECT 'lost', 'nowhere', 'kek-lost', wrapped, created_at FROM data_key LIMIT 1"
    )
    result = await store.waypost.engine.upkeep.rotate_keys()
    assert result["lostDataKeys"] == 1
    assert await kek_ids(store) == {"kek-lost", result["key"]}


async def test_a_missing_key_file_is_said_in_words(store: Store) -> None:
    store.key_file.unlink()
    with pytest.raises(UpkeepRefused, match="There is no key file"):
        await store.waypost.engine.upkeep.rotate_keys()
    assert ("sealing-key-rotated", "waypost keys rotate") not in await store.events()


async def test_a_rotation_is_in_the_audit_trail_without_any_key(store: Store) -> None:
    await store.waypost.engine.upkeep.rotate_keys()
    assert (await store.events())[-1] == ("sealing-key-rotated", "waypost keys rotate")
    details = await store.value("SELECT details FROM audit_event WHERE type = 'sealing-key-rotated'")
    secrets = json.loads(store.key_file.read_bytes())["keys"].values()
    assert not any(secret in details for secret in secrets)


async def test_the_wrong_key_file_is_known_by_the_key_that_it_lacks(store: Store) -> None:
    old = keyring.load(store.key_file)
    vault, db = store.waypost.ground.vault, store.waypost.ground.db
    assert await db.read(vault.newest_lost) is None
    await store.waypost.engine.upkeep.rotate_keys()
    new = keyring.load(store.key_file)
    forged = keyring.Keyring(new.current, {new.current: bytes(32)})
    for ring, missing in (
        (new, None),
        (new.with_new_current(), None),
        (old, new.current),  # an old copy
        (keyring.Keyring("another", {"another": bytes(32)}), new.current),
        (forged, new.current),
    ):
        vault.use(ring)
        assert await db.read(vault.newest_lost) == missing
