"""Missing keys and full disks; and, as a table, what becomes of a hold that was told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notifications.conftest import Watch
from tests.support.callers import Household
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver
from waypost.folder import SEALING_KEY
from waypost.notifications.watching import ToldHold, after
from waypost.vault import keyring

NEVER_ENOUGH = 10**18


@pytest.mark.parametrize(
    ("queue", "becomes"),
    [
        (ToldHold(is_there=False, is_held=False), "drained"),
        (ToldHold(True, is_held=True, cursor=1, last_seq=5), "held"),
        (ToldHold(True, is_held=True, cursor=1, last_seq=5, mark=4), "held"),
        (ToldHold(True, is_held=False, cursor=5, last_seq=5), "drained"),
        (ToldHold(True, is_held=False, cursor=2, last_seq=5), 5),
        (ToldHold(True, is_held=False, cursor=4, last_seq=90, mark=5), 5),
        (ToldHold(True, is_held=False, cursor=5, last_seq=90, mark=5), "drained"),
    ],
)
def test_what_becomes_of_a_hold_that_was_told(queue: ToldHold, becomes: str | int) -> None:
    assert after(queue) == becomes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("troubles")


@pytest.fixture(scope="module")
def held(folder: Path) -> Household:
    """A folder with two messages, in two queues, that nobody delivered yet; and then its key is lost."""
    with House(folder, deliver=False, allowed_networks=LOOPBACK) as house, Receiver() as ward:
        for _ in range(2):
            destination, source = house.destination(endpoint=ward.url), house.source()
            house.subscription(source, destination)
            house.message(source, destination)
        made = house.household
    (folder / SEALING_KEY).unlink()
    keyring.create(folder / SEALING_KEY)
    return made


@pytest.fixture
def house(folder: Path, held: Household) -> Iterator[House]:
    with House(folder, keep=held, allowed_networks=LOOPBACK, retry_schedule=(36000,)) as made:
        yield made


def test_a_missing_key_is_told_once_an_environment_and_ends_with_its_queues(house: House, hook: Receiver) -> None:
    watch = Watch(house)
    path = f"/waypost/v1/environments/{house.environments['Development']}/queues"
    watch.set_up(webhook={"url": hook.url})

    (told,) = hook.wait(1)
    watch.look()
    watch.look()
    data = told.json["data"]
    assert told.json["type"] == "key.unavailable"
    assert data["queues"] in {1, 2}  # as many as had been tried by then
    assert data["reason"].startswith("The sealing key kek-")
    assert "held because a sealing key is missing" in data["text"]
    assert len(watch.notices("key.unavailable")) == 1

    for queue in house.call("GET", path).payload["queues"]:
        log = queue["head"]["logId"]
        skipped = house.call(
            "POST", f"/waypost/v1/queues/{queue['queueId']}/skip", {"logId": log, "reason": "lost"}
        )
        assert skipped.status == 200, skipped.body
    watch.look()
    assert [each["lasts"] for each in watch.notices("key.unavailable")] == [False]
    assert len(hook.requests) == 1


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("plain"), allowed_networks=LOOPBACK) as made:
        yield made


def test_a_disk_under_its_floor_is_told_once_to_every_environment_that_is_told(
    plain: House, hook: Receiver
) -> None:
    watch, staging = Watch(plain), Watch(plain, "Staging")
    watch.set_up(webhook={"url": hook.url})
    disk = plain.waypost.ground.disk
    disk.floor_bytes, floor = NEVER_ENOUGH, disk.floor_bytes
    watch.look()
    (told,) = hook.wait(1)
    watch.look()
    assert told.json["type"] == "disk.low"
    assert len(watch.notices("disk.low")) == 1
    assert staging.notices() == []

    disk.floor_bytes = floor
    watch.look()
    assert [each["lasts"] for each in watch.notices("disk.low")] == [False]
    disk.floor_bytes = NEVER_ENOUGH
    watch.look()
    hook.wait(2)
    assert len(watch.notices("disk.low")) == 2
    disk.floor_bytes = floor
    watch.look()


def test_what_goes_out_and_what_is_kept_names_no_secret(plain: House, hook: Receiver) -> None:
    watch = Watch(plain)
    secret = "whsec_" + "c2VjcmV0" * 5
    watch.set_up(webhook={"url": f"{hook.url}?key=in-the-query", "secret": secret})
    with Lane(plain, endpoint="http://127.0.0.1:9/path-of-the-ward?token=t0ken") as lane:
        lane.send(1)
        lane.until("held")
        watch.later(301)
        (told,) = hook.wait(1)
    said = [told.body.decode(), json.dumps(watch.notices()), json.dumps(plain.events())]
    for word in (secret, "in-the-query", "t0ken", "path-of-the-ward"):
        assert [text for text in said if word in text and word != "path-of-the-ward"] == []
    assert "path-of-the-ward" not in said[0]
