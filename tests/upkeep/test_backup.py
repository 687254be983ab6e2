"""A backup is whole, holds no key, and becomes a store again with the right key file alone."""

import asyncio
import base64
import hashlib
import shutil
import stat
import tarfile
from pathlib import Path

import pytest

from tests.upkeep.conftest import DELIVERED, FAMILY_NAME, SECRET, TOKEN, WAITING, Store, settings
from waypost.app import opened
from waypost.cli import archive, checking, upkeep
from waypost.cli.output import Failure
from waypost.vault import keyring


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "waypost.backup"


async def taken(store: Store, file: Path) -> dict[str, object]:
    return await upkeep.backup(store.waypost, {"file": str(file)})


async def restored(file: Path, data: Path, key_file: Path | None) -> dict[str, object]:
    """As the command does it: outside of any event loop."""
    return await asyncio.to_thread(upkeep.restore, file, data, key_file)


def _bytes(file: Path) -> bytes:
    return file.read_bytes()


def _write(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_a_backup_names_the_keys_that_it_needs(store: Store, file: Path) -> None:
    first = keyring.load(store.key_file).current
    result = await taken(store, file)
    assert result["keys"] == [first]
    assert result["bytes"] == len(_bytes(file))


async def test_a_backup_holds_neither_keys_nor_anything_in_the_clear(store: Store, file: Path) -> None:
    await taken(store, file)
    keys = list(keyring.load(store.key_file).keys.values())
    words = [TOKEN.encode(), SECRET.encode(), FAMILY_NAME.encode()]
    assert [word for word in (*keys, *map(base64.b64encode, keys), *words) if word in _bytes(file)] == []


async def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_beside_it(store: Store, file: Path) -> None:
    await taken(store, file)
    assert _mode(file) == 0o600
    assert {path.name for path in file.parent.iterdir()} == {file.name, store.folder.name}


async def test_a_backup_overwrites_nothing(store: Store, file: Path) -> None:
    _write(file, b"somebody's")
    with pytest.raises(Failure, match="exists already"):
        await taken(store, file)
    assert _bytes(file) == b"somebody's"


async def test_a_backup_is_audited_before_it_is_there(store: Store, file: Path) -> None:
    missing = file.parent / "no such folder" / file.name
    with pytest.raises(FileNotFoundError):
        await taken(store, missing)
    assert (await store.events())[-1] == ("backup-taken", "waypost backup")


async def test_the_sums_in_the_file_are_those_of_its_members(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    with tarfile.open(file) as packed:
        packed.extractall(tmp_path / "out", filter="data")
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        wanted, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == wanted


async def test_a_restored_store_is_the_one_that_was_backed_up(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    result = await restored(file, tmp_path / "new", store.key_file)
    assert result["keys"] == [keyring.load(store.key_file).current]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"lock", "sealing.key", "waypost.sqlite3"}
    async with opened(settings(tmp_path / "new")) as again:
        report = await checking.run(again)
        events = await again.db.read(lambda tx: tx.exec_driver_sql("SELECT type FROM audit_event").scalars().all())
    assert report["ok"], report
    assert report["checked"]["messages"] == DELIVERED + WAITING
    assert "backup-restored" in events


async def test_a_backup_is_of_one_moment_while_messages_come_in(store: Store, file: Path, tmp_path: Path) -> None:
    backing_up = asyncio.create_task(taken(store, file))
    while not backing_up.done():
        await store.accept_another()
    await backing_up
    await restored(file, tmp_path / "new", store.key_file)
    async with opened(settings(tmp_path / "new")) as again:
        report = await checking.run(again)
    assert report["ok"], report
    assert report["checked"]["messages"] >= DELIVERED + WAITING


async def test_a_backup_from_before_a_rotation_opens_with_todays_key_file(
    store: Store, file: Path, tmp_path: Path
) -> None:
    await taken(store, file)
    await upkeep.rotate_keys(store.waypost, {})
    await restored(file, tmp_path / "new", store.key_file)
    async with opened(settings(tmp_path / "new")) as again:
        assert (await checking.run(again))["ok"]


async def test_a_restore_names_the_key_that_is_missing(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    keyring.create(tmp_path / "strange.key")
    needed = keyring.load(store.key_file).current
    with pytest.raises(Failure, match=needed):
        await restored(file, tmp_path / "new", tmp_path / "strange.key")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"lock"}


async def test_a_restore_notices_a_key_that_only_has_the_right_name(
    store: Store, file: Path, tmp_path: Path
) -> None:
    await taken(store, file)
    ring = keyring.load(store.key_file)
    keyring.save(tmp_path / "forged.key", keyring.Keyring(ring.current, {ring.current: b"\0" * 32}))
    with pytest.raises(Failure, match="does not open what was sealed under it"):
        await restored(file, tmp_path / "new", tmp_path / "forged.key")


async def test_a_restore_without_a_key_file_asks_for_one(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    with pytest.raises(Failure, match="--key-file"):
        await restored(file, tmp_path / "new", None)


async def test_a_restore_takes_the_key_file_of_the_settings(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await taken(store, file)
    shutil.copy(store.key_file, tmp_path / "elsewhere.key")
    monkeypatch.setenv("WAYPOST_MASTER_KEY_FILE", str(tmp_path / "elsewhere.key"))
    await restored(file, tmp_path / "new", None)
    assert not (tmp_path / "new" / "sealing.key").exists()


async def test_a_restore_touches_no_folder_that_holds_something(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "letter.txt").write_text("dear reader")
    with pytest.raises(Failure, match="not empty"):
        await restored(file, tmp_path / "new", store.key_file)
    with pytest.raises(Failure, match="not empty"):
        await restored(file, store.folder, store.key_file)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
async def test_one_changed_byte_is_noticed(store: Store, file: Path, tmp_path: Path, part: float) -> None:
    await taken(store, file)
    data = bytearray(_bytes(file))
    data[data.index(b"SQLite format 3") + 100 + int(part * 100_000)] ^= 1
    _write(file, bytes(data))
    with pytest.raises(Failure, match="damaged"):
        await restored(file, tmp_path / "new", store.key_file)


async def test_a_file_that_was_cut_short_is_refused(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    data = _bytes(file)
    for length in (0, 100, 1000, len(data) // 2, data.index(b"SHA256SUMS"), data.index(b"SHA256SUMS") + 600):
        _write(file, data[:length])
        with pytest.raises(Failure, match="not a whole"):
            await restored(file, tmp_path / "new", store.key_file)


async def test_a_file_of_somebody_else_is_refused(store: Store, file: Path, tmp_path: Path) -> None:
    with tarfile.open(file, "w") as packed:
        packed.add(store.key_file, "manifest.json")
    with pytest.raises(Failure, match="not a whole Waypost backup"):
        await restored(file, tmp_path / "new", store.key_file)


async def test_a_backup_of_a_newer_format_is_told_apart(store: Store, tmp_path: Path) -> None:
    newer = archive.Manifest(2, "9.0", "0001", "2030-01-01T00:00:00.000Z", [])
    archive._pack(tmp_path / "newer", newer, store.folder / "waypost.sqlite3")
    with pytest.raises(Failure, match="Use a newer one"):
        archive.unpack(tmp_path / "newer", tmp_path / "out")
