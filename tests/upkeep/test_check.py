"""`check` says that all holds where it does, and finds each sort of damage."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.upkeep.conftest import DELIVERED, WAITING, Store, damage, settings
from waypost.app import opened
from waypost.db.sqlite import library
from waypost.folder import DATABASE
from waypost.vault import keyring

FoundIn = Callable[[dict[str, Any], str], list[str]]


async def test_a_sound_store_holds(store: Store) -> None:
    report = await store.waypost.engine.upkeep.check()
    assert report["findings"] == []
    assert report["ok"]
    assert report["checked"] == {
        "queues": 1, "logs": DELIVERED + WAITING, "dataKeys": 1, "credentials": 1, "destinations": 1,
        "notifications": 0, "signingSecrets": 0, "secondFactors": 0, "messages": DELIVERED + WAITING,
        "answers": 1, "organizations": 1,
    }  # fmt: skip
    assert (await store.events())[-1] == ("store-checked", "waypost check")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("UPDATE queue_tail SET accepted = accepted + 1", "counters say 6 accepted, its logs say 5"),
        ("UPDATE queue_head SET delivered = 2", "counters say 2 delivered, its logs say 3"),
        ("UPDATE queue_head SET skipped = 1", "counters say 1 skipped, its logs say 0"),
        ("UPDATE queue_head SET cursor = 4", "1 pending logs lie behind its cursor"),
        ("UPDATE queue_head SET cursor = 2", "1 logs before its cursor's turn have ended"),
        ("UPDATE queue_tail SET last_seq = 9", "ends at 9, its last entry is 5"),
        ("UPDATE destination_seq SET last = 4", "its sequence stands at 4, a log has 5"),
        ("DELETE FROM entry WHERE seq = 5", "has 5 logs, 4 of them in a queue"),
        ("DELETE FROM log WHERE seq = 2", "1 entries have no log"),
        ("DELETE FROM message WHERE id = (SELECT message_id FROM log WHERE seq = 4)", "1 logs have lost their"),
        ("DELETE FROM queue_tail", "has a head and no tail"),
    ],
)
async def test_a_ledger_that_does_not_add_up_is_found(
    store: Store, found_in: FoundIn, harm: str, words: str
) -> None:
    await store.change(harm)
    report = await store.waypost.engine.upkeep.check()
    assert not report["ok"]
    assert any(words in detail for detail in found_in(report, "ledger")), report


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit_event SET details = '{}' WHERE number = 2",
        "DELETE FROM audit_event WHERE number = 2",
        "DELETE FROM audit_event WHERE number = (SELECT max(number) FROM audit_event)",
        "UPDATE audit_event SET created_at = created_at + 1 WHERE number = 1",
    ],
)
async def test_a_damaged_audit_trail_is_found(store: Store, found_in: FoundIn, harm: str) -> None:
    await store.change(harm)
    report = await store.waypost.engine.upkeep.check()
    assert [detail.split(" breaks")[0] for detail in found_in(report, "audit")] == [
        f"The audit chain of organization {store.tenant.id}"
    ]


async def test_a_check_that_cannot_be_written_down_still_tells(store: Store, found_in: FoundIn) -> None:
    await store.change("DROP TABLE audit_head")
    report = await store.waypost.engine.upkeep.check()
    assert not report["ok"]
    assert "This check could not be written to the trail." in found_in(report, "audit")


async def test_a_missing_sealing_key_is_found_and_named(store: Store, found_in: FoundIn) -> None:
    lost = keyring.load(store.key_file).current
    store.key_file.unlink()
    keyring.create(store.key_file)
    details = found_in(await store.waypost.engine.upkeep.check(), "secrets")
    reason = f"do not open: The sealing key {lost} is not in the key file."
    assert details == [
        f"1 data keys {reason}",
        f"1 credentials {reason}",
        f"1 secrets of destinations {reason}",
        f"{DELIVERED + WAITING} message bodies {reason}",
        f"1 kept answers {reason}",
    ]


async def test_a_missing_key_file_is_found(store: Store, found_in: FoundIn) -> None:
    store.key_file.unlink()
    details = found_in(await store.waypost.engine.upkeep.check(), "secrets")
    assert details == [f"There is no key file at {store.key_file}."]


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        ("UPDATE credential SET secrets_version = 2", "1 credentials"),
        ("UPDATE destination SET token = substr(token, 1, 40)", "1 secrets of"),
        ("UPDATE destination SET token = substr(token, 1, 1)", "1 secrets of"),
        ("UPDATE message SET body = (SELECT body FROM message ORDER BY id LIMIT 1)", "4 message bodies"),
        ("UPDATE attempt SET answer = substr(answer, 1, 20) WHERE answer IS NOT NULL", "1 kept answers"),
    ],
)
async def test_a_sealed_value_that_was_changed_or_moved_is_found(
    store: Store, found_in: FoundIn, harm: str, name: str
) -> None:
    await store.change(harm)
    details = found_in(await store.waypost.engine.upkeep.check(), "secrets")
    assert len(details) == 1
    assert details[0].startswith(name)


async def test_a_row_that_points_nowhere_is_found(embedded: Store, found_in: FoundIn) -> None:
    raw = library().connect(embedded.folder / DATABASE)
    with closing(raw), raw:
        raw.execute("UPDATE credential SET environment_id = 'nowhere'")
    details = found_in(await embedded.waypost.engine.upkeep.check(), "integrity")
    assert details == ["A row of credential points to a row of environment that is not there."]


async def test_a_damaged_file_is_found(embedded: Store, found_in: FoundIn) -> None:
    page = await embedded.value("SELECT rootpage FROM sqlite_schema WHERE name = 'ix_log_message_id'")
    size = await embedded.value("PRAGMA page_size")
    await embedded.waypost.ground.db.close()
    damage(embedded.folder / DATABASE, (page - 1) * size, b"\xff" * size)
    async with opened(settings(embedded.folder)) as damaged:
        report = await damaged.engine.upkeep.check()
    assert not report["ok"]
    assert found_in(report, "integrity") != []


async def test_an_index_that_postgresql_holds_invalid_is_found(shared: Store, found_in: FoundIn) -> None:
    await shared.change("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_log_message_id'::regclass")
    details = found_in(await shared.waypost.engine.upkeep.check(), "integrity")
    assert details == ["The index ix_log_message_id is invalid: REINDEX it."]
