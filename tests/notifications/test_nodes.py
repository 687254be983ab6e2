"""Exactly one notice: over nodes that look at the same time, over restarts, over an end while sending."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.notifications.conftest import Watch
from tests.support import tenants
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer, stall
from tests.support.stores import Store
from tests.support.waiting import until
from waypost.db.database import Tx
from waypost.folder import SEALING_KEY
from waypost.notifications import outbox, store
from waypost.notifications.model import Channel, NotificationSettings, Webhook
from waypost.notifications.notice import NoticeKind, Raised
from waypost.vault.vault import Vault


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[House, House]]:
    """Two nodes on one PostgreSQL, each with its own connections; the second delivers nothing by itself."""
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        place.mkdir()
    with House(first, on="postgresql", allowed_networks=LOOPBACK, retry_schedule=(36000,)) as one:
        shared: dict[str, Any] = {
            "database_url": one.waypost.ground.settings.database_url,
            "master_key_file": first / SEALING_KEY,
        }
        with House(second, keep=one.household, deliver=False, allowed_networks=LOOPBACK, **shared) as two:
            yield one, two


def look(*houses: House) -> None:
    """All of them at the same time, several times."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda house: Watch(house).look(), houses * 4))


def test_two_nodes_that_look_at_the_same_time_tell_once(
    pair: tuple[House, House], hook: Receiver, ward: Receiver
) -> None:
    one, two = pair
    watch = Watch(one)
    watch.set_up(webhook={"url": hook.url})
    with Lane(one, endpoint=ward.url) as lane:
        lane.send(1)
        lane.until("held")
        one.clock.ahead_ms = two.clock.ahead_ms = 301_000
        two.run(two.waypost.configuration.notifier.start())
        look(one, two)
        hook.wait(1)
        ward.behave(answer(200))
        lane.act("retry")
        lane.until("idle")
        look(one, two)
        until(lambda: len(watch.notices(about=lane.queue_id)) == 2, "the notice that it has drained")
        hook.wait(2)
        look(one, two)
        kinds = [each["type"] for each in watch.notices(about=lane.queue_id)]
    assert kinds == ["queue.held", "queue.drained"]
    assert [request.json["type"] for request in hook.requests] == kinds


def sent_once(watch: Watch) -> None:
    until(lambda: watch.notices()[0]["deliveries"][0]["state"] == "sent", "the record of its sending")
    watch.look()
    assert [each["type"] for each in watch.notices()] == ["queue.held"]


def test_an_end_while_sending_repeats_the_id_and_a_restart_repeats_nothing(
    tmp_path: Path, hook: Receiver, ward: Receiver
) -> None:
    settings: dict[str, Any] = {"allowed_networks": LOOPBACK, "retry_schedule": (36000,)}
    hook.behave(stall())
    with House(tmp_path, **settings) as house:
        household = house.household
        Watch(house).set_up(webhook={"url": hook.url}, heldAfterSeconds=1)
        source, destination = house.source(), house.destination(endpoint=ward.url)
        house.subscription(source, destination)
        house.message(source, destination)
        hook.wait(1)  # and then nobody knows whether the notice arrived
    hook.behave(answer(200))
    for _ in range(2):
        with House(tmp_path, keep=household, **settings) as house:
            sent_once(Watch(house))
    first, again = hook.requests
    assert first.headers["webhook-id"] == again.headers["webhook-id"]


@pytest.fixture
async def environment(db: Store, vault: Vault, clock: SetClock) -> str:
    """An environment with a webhook."""
    made = (await tenants.found(db, clock)).development
    kept = NotificationSettings(made, webhook=Webhook("https://hooks.example.com/", False))
    await db.write(lambda tx: store.put(tx, vault, kept, {}, clock.now))
    return made


def raised(environment: str) -> Raised:
    return Raised(environment, NoticeKind.disk_low, {"node": "a"}, open_key="disk.low a")


async def test_what_is_claimed_goes_to_nobody_else_until_the_lease_ends(
    db: Store, clock: SetClock, environment: str
) -> None:
    def claim(tx: Tx, lease_now_ms: int) -> outbox.Claimed | None:
        return outbox.claim(
            tx, environment, Channel.webhook, now_ms=clock.now, lease_now_ms=lease_now_ms, lease_ms=100
        )

    assert await db.write(lambda tx: outbox.raise_(tx, raised(environment), clock.now))
    assert await db.read(lambda tx: outbox.due(tx, clock.now, 1000)) == [(environment, Channel.webhook)]
    first = await db.write(lambda tx: claim(tx, 1000))
    assert first is not None
    assert await db.write(lambda tx: claim(tx, 1099)) is None
    assert await db.read(lambda tx: outbox.due(tx, clock.now, 1099)) == []
    second = await db.write(lambda tx: claim(tx, 1100))
    assert second is not None
    assert second.notices == first.notices

    # what the first one says now counts for nothing
    await db.write(lambda tx: outbox.sent(tx, first, first.notices, clock.now))
    assert await db.read(outbox.waiting) == {(environment, "webhook"): 1}
    await db.write(lambda tx: outbox.sent(tx, second, second.notices, clock.now))
    assert await db.read(outbox.waiting) == {}


async def test_while_the_first_waits_nothing_behind_it_is_due(
    db: Store, clock: SetClock, environment: str
) -> None:
    def fail(tx: Tx) -> None:
        claimed = outbox.claim(tx, environment, Channel.webhook, now_ms=clock.now, lease_now_ms=1000, lease_ms=100)
        assert claimed is not None
        outbox.failed(tx, claimed, claimed.notices[:1], reason="It is away.", due_at=clock.now + 5000)
        outbox.release(tx, claimed)

    def twice(tx: Tx) -> None:
        for key in ("a", "b"):
            told = Raised(environment, NoticeKind.disk_low, {"node": key}, open_key=key)
            outbox.raise_(tx, told, clock.now)

    await db.write(twice)
    await db.write(fail)
    await db.write(lambda tx: outbox.raise_(tx, raised(environment), clock.now))
    assert await db.read(lambda tx: outbox.due(tx, clock.now + 4999, 1000)) == []
    assert await db.read(lambda tx: outbox.due(tx, clock.now + 5000, 1000)) == [(environment, Channel.webhook)]


async def test_a_lasting_trouble_is_written_once(db: Store, clock: SetClock, environment: str) -> None:
    written = [
        await db.write(lambda tx: outbox.raise_(tx, raised(environment), clock.now)),
        *await asyncio.gather(
            *(db.write(lambda tx: outbox.raise_(tx, raised(environment), clock.now)) for _ in range(5))
        ),
    ]
    assert written == [True] + [False] * 5


async def test_the_store_itself_refuses_a_second_open_trouble(
    db: Store, clock: SetClock, environment: str
) -> None:
    def twice(tx: Tx) -> None:
        for number in ("1", "2"):
            values = {"id": number, "environment_id": environment, "kind": "disk.low", "data": "{}"}
            tx.execute(outbox.notice.insert().values(**values, open_key="disk.low a", happened_at=clock.now))

    with pytest.raises(Exception, match=r"(?i)unique"):
        await db.write(twice)
