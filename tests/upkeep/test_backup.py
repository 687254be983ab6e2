"""A backup is whole, holds no key, and becomes a store again with the right key file alone."""

import asyncio
import base64
import hashlib
import io
import json
import shutil
import stat
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.upkeep.conftest import DELIVERED, FAMILY_NAME, SECRET, TOKEN, WAITING, Store, checked, settings
from waypost.app import Waypost, opened
from waypost.db.migrations.migrate import SchemaIsNewer
from waypost.upkeep import archive, restoring
from waypost.upkeep.model import Manifest, UpkeepRefused
from waypost.vault import keyring


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "waypost.backup"


@dataclass(frozen=True)
class Place:
    """Where to restore to: a folder, and an empty database where the backup is of one."""

    folder: Path
    url: str | None

    async def filled(self, file: Path, key_file: Path | None) -> dict[str, Any]:
        """As the command does it: outside of any event loop. On PostgreSQL a node has its key file before."""
        found = settings(self.folder, self.url) if self.url is None else self._on_a_node(key_file)
        return await asyncio.to_thread(restoring.restore, file, found, key_file, lambda *_: None)

    def _on_a_node(self, key_file: Path | None) -> Any:
        self.folder.mkdir(exist_ok=True)
        return settings(self.folder, self.url, master_key_file=key_file or self.folder / "sealing.key")

    @asynccontextmanager
    async def opened(self, key_file: Path) -> AsyncIterator[Waypost]:
        own = settings(self.folder, self.url, **({} if self.url is None else {"master_key_file": key_file}))
        async with opened(own) as waypost:
            yield waypost


@pytest.fixture
def place(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path / "new", None if store.url is None else request.getfixturevalue("empty_url"))


async def taken(store: Store, file: Path) -> dict[str, Any]:
    return await store.waypost.engine.upkeep.backup(file)


async def rows(waypost: Waypost) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the trail, which says that there was a restore, and what each start writes."""

    def read(tx: sa.Connection) -> dict[str, list[tuple[Any, ...]]]:
        names = sa.inspect(tx).get_table_names()
        kept = [name for name in names if not name.startswith("audit_") and name != "writer_turn"]
        return {name: sorted(map(tuple, tx.exec_driver_sql(f"SELECT * FROM {name}")), key=repr) for name in kept}

    return await waypost.ground.db.read(read)


def _bytes(file: Path) -> bytes:
    return file.read_bytes()


def _write(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def remade(file: Path, member: str, data: bytes) -> None:
    """Change a member as somebody without a key would: with new sums, and the old proof."""
    with tarfile.open(file) as packed:
        # Every member of a backup is a file: `extractfile` gives None for folders only.
        held = {name: packed.extractfile(name).read() for name in packed.getnames()}  # type: ignore[union-attr]
    held[member] = data
    plain = [name for name in held if name not in (archive.SUMS, archive.PROOF)]
    held[archive.SUMS] = "".join(f"{hashlib.sha256(held[n]).hexdigest()}  {n}\n" for n in plain).encode()
    with tarfile.open(file, "w") as packed:
        for name, content in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))


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
    assert _names(file.parent) == {file.name, store.folder.name}


async def test_a_backup_overwrites_nothing(store: Store, file: Path) -> None:
    _write(file, b"somebody's")
    with pytest.raises(UpkeepRefused, match="exists already"):
        await taken(store, file)
    assert _bytes(file) == b"somebody's"


async def test_a_backup_is_audited_before_it_is_there(store: Store, file: Path) -> None:
    missing = file.parent / "no such folder" / file.name
    with pytest.raises(FileNotFoundError):
        await taken(store, missing)
    assert (await store.events())[-1] == ("backup-taken", "waypost backup")


async def test_a_backup_says_what_is_in_it(store: Store, file: Path, tmp_path: Path) -> None:
    await taken(store, file)
    with tarfile.open(file) as packed:
        packed.extractall(tmp_path / "out", filter="data")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    counted = {table["name"]: table["rows"] for table in manifest["tables"]}
    assert (counted["message"], counted["log"]) == (DELIVERED + WAITING, DELIVERED + WAITING)
    assert manifest["store"] == ("sqlite" if store.url is None else "postgresql")
    assert manifest["schema"] == await store.value("SELECT version_num FROM alembic_version")
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        wanted, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == wanted


async def test_a_restored_store_is_the_one_that_was_backed_up(store: Store, file: Path, place: Place) -> None:
    before, held = await checked(store.waypost), await rows(store.waypost)
    await taken(store, file)
    result = await place.filled(file, store.key_file)
    assert result["keys"] == [keyring.load(store.key_file).current]
    if place.url is None:
        assert _names(place.folder) == {"lock", "sealing.key", "waypost.sqlite3"}
    async with place.opened(store.key_file) as again:
        assert await checked(again) == before
        assert await rows(again) == held
        query = "SELECT type FROM audit_event"
        events = await again.ground.db.read(lambda tx: tx.exec_driver_sql(query).scalars().all())
    assert "backup-restored" in events


async def test_a_backup_is_of_one_moment_while_messages_come_in(store: Store, file: Path, place: Place) -> None:
    backing_up = asyncio.create_task(taken(store, file))
    while not backing_up.done():
        await store.accept_another()
    await backing_up
    await place.filled(file, store.key_file)
    async with place.opened(store.key_file) as again:
        report = await checked(again)
    assert report["ok"], report
    assert report["checked"]["messages"] >= DELIVERED + WAITING


async def test_a_backup_from_before_a_rotation_opens_with_todays_key_file(
    store: Store, file: Path, place: Place
) -> None:
    await taken(store, file)
    await store.waypost.engine.upkeep.rotate_keys()
    await place.filled(file, store.key_file)
    async with place.opened(store.key_file) as again:
        assert (await checked(again))["ok"]


async def test_a_restore_names_the_key_that_is_missing(
    store: Store, file: Path, place: Place, tmp_path: Path
) -> None:
    await taken(store, file)
    keyring.create(tmp_path / "strange.key")
    needed = keyring.load(store.key_file).current
    with pytest.raises(UpkeepRefused, match=needed):
        await place.filled(file, tmp_path / "strange.key")
    assert _names(place.folder) == set()


async def test_a_restore_with_a_key_file_from_before_a_rotation_names_the_key_that_is_missing(
    store: Store, file: Path, place: Place, tmp_path: Path
) -> None:
    shutil.copy(store.key_file, tmp_path / "old.key")
    await store.waypost.engine.upkeep.rotate_keys()
    await taken(store, file)
    with pytest.raises(UpkeepRefused, match=keyring.load(store.key_file).current):
        await place.filled(file, tmp_path / "old.key")
    assert _names(place.folder) == set()
    await place.filled(file, store.key_file)  # nothing is in the way of the right one


async def test_a_restore_notices_a_key_that_only_has_the_right_name(
    store: Store, file: Path, place: Place, tmp_path: Path
) -> None:
    await taken(store, file)
    ring = keyring.load(store.key_file)
    keyring.save(tmp_path / "forged.key", keyring.Keyring(ring.current, {ring.current: b"\0" * 32}))
    with pytest.raises(UpkeepRefused, match=f"{ring.current} in the key file is not what made it"):
        await place.filled(file, tmp_path / "forged.key")


async def test_a_restore_without_a_key_file_asks_for_one(store: Store, file: Path, place: Place) -> None:
    await taken(store, file)
    with pytest.raises(UpkeepRefused, match="--key-file"):
        await place.filled(file, None)


async def test_a_restore_takes_the_key_file_of_the_settings(embedded: Store, file: Path, tmp_path: Path) -> None:
    await taken(embedded, file)
    shutil.copy(embedded.key_file, tmp_path / "elsewhere.key")
    found = settings(tmp_path / "new", master_key_file=tmp_path / "elsewhere.key")
    await asyncio.to_thread(restoring.restore, file, found, None, lambda *_: None)
    assert _names(tmp_path / "new") == {"lock", "waypost.sqlite3"}


async def test_a_restore_touches_no_folder_that_holds_something(
    embedded: Store, file: Path, tmp_path: Path
) -> None:
    await taken(embedded, file)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "letter.txt").write_text("dear reader")
    for held in (tmp_path / "new", embedded.folder):
        with pytest.raises(UpkeepRefused, match="not empty"):
            await Place(held, None).filled(file, embedded.key_file)


async def test_a_restore_touches_no_database_that_holds_something(shared: Store, file: Path) -> None:
    await taken(shared, file)
    before = await rows(shared.waypost)
    with pytest.raises(UpkeepRefused, match="tables in this database already"):
        await Place(shared.folder, shared.url).filled(file, shared.key_file)
    assert await rows(shared.waypost) == before


async def test_a_restore_that_fails_half_way_leaves_the_database_empty(
    shared: Store, file: Path, empty_url: str, tmp_path: Path
) -> None:
    await taken(shared, file)
    ring = keyring.load(shared.key_file)
    with archive.opened(file) as found, (tmp_path / "less").open("w+b") as target:
        writer = archive.Writer(target)
        for table in found.manifest.tables:
            writer.add(f"tables/{table.name}", found.open(f"tables/{table.name}"))
        more = [replace(table, rows=table.rows + (table.name == "user_key")) for table in found.manifest.tables]
        writer.finish(replace(found.manifest, tables=more), ring)
    with pytest.raises(UpkeepRefused, match="rows of user_key, its manifest says"):
        await Place(tmp_path / "new", empty_url).filled(tmp_path / "less", shared.key_file)
    await Place(tmp_path / "new", empty_url).filled(file, shared.key_file)


async def test_a_backup_of_one_sort_of_store_is_not_for_the_other(
    store: Store, file: Path, tmp_path: Path, empty_url: str
) -> None:
    await taken(store, file)
    other = Place(tmp_path / "new", empty_url if store.url is None else None)
    with pytest.raises(UpkeepRefused, match="WAYPOST_DATABASE_URL"):
        await other.filled(file, store.key_file)
    assert _names(other.folder) - {"sealing.key"} == set()


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
async def test_one_changed_byte_is_noticed(store: Store, file: Path, place: Place, part: float) -> None:
    await taken(store, file)
    with tarfile.open(file) as packed:
        biggest = max(packed.getmembers(), key=lambda member: member.size)
    data = bytearray(_bytes(file))
    data[biggest.offset_data + int(part * biggest.size)] ^= 1
    _write(file, bytes(data))
    with pytest.raises(UpkeepRefused, match=r"damaged|not a whole"):
        await place.filled(file, store.key_file)
    assert _names(place.folder) == set()


async def test_a_change_with_new_sums_is_noticed(store: Store, file: Path, place: Place) -> None:
    await taken(store, file)
    name = "waypost.sqlite3" if store.url is None else "tables/environment_role"
    remade(file, name, b"another's")
    with archive.opened(file):  # its sums are right
        pass
    with pytest.raises(UpkeepRefused, match="was changed after it was made"):
        await place.filled(file, store.key_file)
    assert _names(place.folder) == set()


async def test_a_file_that_was_cut_short_is_refused(store: Store, file: Path, place: Place) -> None:
    await taken(store, file)
    data = _bytes(file)
    sums = data.rindex(b"SHA256SUMS.hmac")
    for length in (0, 100, 1000, len(data) // 2, data.index(b"SHA256SUMS"), sums, sums + 530):
        _write(file, data[:length])
        with pytest.raises(UpkeepRefused, match="not a whole"):
            await place.filled(file, store.key_file)
    assert _names(place.folder) == set()


async def test_a_file_of_somebody_else_is_refused(store: Store, file: Path, place: Place) -> None:
    with tarfile.open(file, "w") as packed:
        packed.add(store.key_file, "manifest.json")
    with pytest.raises(UpkeepRefused, match="not a whole Waypost backup"):
        await place.filled(file, store.key_file)


async def test_a_backup_of_a_newer_format_is_told_apart(store: Store, file: Path) -> None:
    manifest = Manifest(2, "9.0", "sqlite", "0001", "2030-01-01T00:00:00.000Z", [], [])
    with file.open("w+b") as target:
        archive.Writer(target).finish(manifest, keyring.load(store.key_file))
    with pytest.raises(UpkeepRefused, match="Use a newer one"), archive.opened(file):
        pass


async def test_a_backup_of_a_newer_schema_is_told_apart(
    shared: Store, file: Path, empty_url: str, tmp_path: Path
) -> None:
    manifest = Manifest(1, "9.0", "postgresql", "9999", "2030-01-01T00:00:00.000Z", [], [])
    with file.open("w+b") as target:
        archive.Writer(target).finish(manifest, keyring.load(shared.key_file))
    with pytest.raises(SchemaIsNewer, match="9999"):
        await Place(tmp_path / "new", empty_url).filled(file, shared.key_file)
