"""Under the floor nothing new is taken in and all else goes on; a disk that is really full harms nothing."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import logs
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver
from tests.support.serving import Answer
from waypost import disk
from waypost.disk import Disk, DiskLow
from waypost.upkeep import checking

NEVER_ENOUGH = 10**18
NDJSON = {"content-type": "application/x-ndjson"}


def test_the_free_bytes_are_those_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path / "not" / "there") > 0


def test_the_disk_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    looks: list[Path] = []

    def look(path: Path) -> int:
        looks.append(path)
        return 99

    made = Disk(tmp_path, 100, free=look)
    for _ in range(1000):
        assert made.is_low()
    assert len(looks) <= 2


@pytest.mark.parametrize(("free", "low"), [(99, True), (100, False)])
def test_below_the_floor_there_is_no_room(tmp_path: Path, free: int, low: bool) -> None:
    made = Disk(tmp_path, 100, free=lambda _: free)
    assert made.is_low() is low
    with pytest.raises(DiskLow) if low else contextlib.nullcontext():
        made.require()


def test_a_floor_of_nothing_is_never_reached(tmp_path: Path) -> None:
    assert not Disk(tmp_path, 0, free=lambda _: 0).is_low()


@pytest.fixture
def low(tmp_path: Path) -> Iterator[tuple[House, dict[str, Any], Receiver]]:
    """A house whose disk has less than the floor, with a message that was accepted before."""
    settings: dict[str, Any] = {"allowed_networks": LOOPBACK, "retry_schedule": "3600"}
    with Receiver() as receiver:
        with House(tmp_path, deliver=False, **settings) as before:
            route = before.subscription(before.source(), before.destination(endpoint=receiver.url))
            log_id = logs.send(before, route)
        with House(tmp_path, keep=before.household, disk_floor_bytes=NEVER_ENOUGH, **settings) as house:
            yield house, route | {"log": log_id}, receiver


def assert_full(answer: Answer) -> None:
    assert answer.status == 503, answer.body
    assert answer.headers["retry-after"] == "30"
    assert b"almost full" in answer.body


def test_under_the_floor_messages_are_refused_and_what_waits_is_delivered(
    low: tuple[House, dict[str, Any], Receiver],
) -> None:
    house, route, receiver = low
    assert_full(house.call("POST", "/endpoint", logs.body(route), by="source"))
    assert_full(house.call("POST", "/waypost/v1/messages", logs.body(route), by="source", headers=NDJSON))
    patched = house.call(
        "PATCH", f"/platform/v1/destinations/{route['destination']['id']}", {"verificationToken": "a-token"}
    )
    assert patched.status == 200
    logs.until_state(house, route["log"], "delivered")
    assert_full(house.call("POST", f"/waypost/v1/logs/{route['log']}/replay"))
    replays = f"/waypost/v1/environments/{house.environments['Development']}/replays"
    assert house.call("POST", replays, {"dryRun": True}).status == 200
    assert_full(house.call("POST", replays, {"dryRun": False}))
    assert len(receiver.requests) == 1
    assert house.call("PATCH", f"/platform/v1/authcredentials/{house.credential()}", {"name": "New"}).status == 200
    assert house.call("GET", "/health/ready", by=None).status == 200
    shown = house.call("GET", "/metrics", by=None).body.decode()
    assert "waypost_disk_low 1.0" in shown
    assert "waypost_disk_free_bytes " in shown


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of a few megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


Room = tuple[Callable[[House], None], Callable[[House], None]]
"""What takes the room away, and what gives it back."""


def on_the_disk(small: Path) -> Room:
    ballast = small / "ballast"
    ballast.write_bytes(b"\0" * 12_000_000)
    return (lambda _: None), (lambda _: ballast.unlink())


def in_the_file() -> Room:
    """SQLite itself says that it is full: the same error, where no small file system can be had."""

    def limit(pages: int) -> Callable[[House], None]:
        def set_(house: House) -> None:
            house.write(lambda tx: tx.exec_driver_sql(f"PRAGMA max_page_count={pages}").close())

        return set_

    return limit(1500), limit(1_000_000)


def full_and_free_again(folder: Path, room: Room) -> None:
    with Receiver() as receiver, House(folder, allowed_networks=LOOPBACK, disk_floor_bytes=0) as house:
        take, give = room
        route = house.subscription(house.source(), house.destination(endpoint=receiver.url))
        take(house)
        taken, refused = 0, None
        while refused is None and taken < 200:
            said = house.call("POST", "/endpoint", logs.body(route, Padding="x" * 500_000), by="source")
            taken, refused = taken + (said.status == 200), said if said.status != 200 else None
        assert refused is not None
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert house.call("GET", "/health/live", by=None).status == 200
        assert house.call("GET", f"/platform/v1/destinations/{route['destination']['id']}").status == 200
        give(house)
        last = logs.send(house, route)
        logs.until_state(house, last, "delivered")
        assert len(receiver.requests) == taken + 1
        waypost = house.waypost
        report = house.run(checking.run(waypost.ground.db, waypost.ground.clock, waypost.ground.settings.key_file))
        assert report["findings"] == []


def test_a_disk_that_is_really_full_is_survived(small: Path) -> None:
    folder = small / "data"
    folder.mkdir()
    full_and_free_again(folder, on_the_disk(small))


def test_a_store_that_cannot_grow_is_survived(tmp_path: Path) -> None:
    full_and_free_again(tmp_path, in_the_file())
