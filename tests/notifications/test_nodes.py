"""Exactly one notice: over nodes that look at the same time, over restarts, over a death while sending."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.nodes.conftest import nodes
from tests.support import postgresql, tenants
from tests.support.receiver import Receiver, answer, stall
from tests.support.stores import Store
from tests.support.waiting import until
from tests.support.waypost import Server, message
from waypost.db.database import Tx
from waypost.notifications import outbox, store
from waypost.notifications.model import Channel, Settings, Webhook
from waypost.notifications.notice import Kind, Raised
from waypost.vault.vault import Vault


def set_up(server: Server, hook: Receiver, ward: Receiver) -> str:
    """One message waits in a queue, notices of which go to the hook after a second; the environment's path."""
    environment = f"/waypost/v1/environments/{server.environments['Development']}"
    body = {"webhook": {"url": hook.url}, "heldAfterSeconds": 1}
    assert server.call("PUT", f"{environment}/notifications", body).status == 200
    destination, source, client = server.destination(endpoint=ward.url), server.source(), server.client_id()
    server.subscribe(source, destination)
    assert server.send(client, message(destination, source, 1)).status == 200
    return environment


def notices(server: Server, environment: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", f"{environment}/notices").payload["notices"]
    return [each for each in reversed(found) if each["deliveries"][0]["state"] == "sent"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two nodes on one PostgreSQL that both do everything."""
    server = postgresql.shared()
    url = asyncio.run(server.database(empty=True))
    with ExitStack() as stack:
        node = nodes(url, tmp_path, stack)
        yield node("all"), node("all")
    asyncio.run(server.drop(url))


def test_two_nodes_tell_once_even_when_one_dies(pair: tuple[Server, Server]) -> None:
    one, two = pair
    with Receiver() as hook, Receiver(answer(503)) as ward:
        environment = set_up(one, hook, ward)
        hook.wait(1)
        one.kill()
        until(lambda: len(notices(two, environment)) == 1, "the record of its sending")
        one.start()
        ward.behave(answer(200))
        until(lambda: len(notices(two, environment)) == 2, "the notice that it has drained", seconds=30)
        kinds = [each["type"] for each in notices(two, environment)]
        assert kinds == ["queue.held", "queue.drained"]
        assert [request.json["type"] for request in hook.requests] == kinds


def test_a_restart_tells_nothing_again_and_a_death_while_sending_repeats_the_id(tmp_path: Path) -> None:
    settings = {"WAYPOST_RETRY_SCHEDULE": "0.2"}
    with (
        Receiver(stall()) as hook,
        Receiver(answer(503)) as ward,
        Server(tmp_path, settings=settings) as server,
    ):
        environment = set_up(server, hook, ward)
        hook.wait(1)
        server.kill()  # nobody knows whether the notice arrived
        hook.behave(answer(200))
        server.start()
        first, again = hook.wait(2)
        assert first.headers["webhook-id"] == again.headers["webhook-id"]
        until(lambda: len(notices(server, environment)) == 1, "the record of its sending")

        assert server.stop() == 0
        server.start()
        ward.behave(answer(200))
        until(lambda: len(notices(server, environment)) == 2, "the notice that it has drained", seconds=30)
        assert [request.json["type"] for request in hook.requests[2:]] == ["queue.drained"]


@pytest.fixture
async def environment(db: Store, vault: Vault, clock: SetClock) -> str:
    """An environment with a webhook."""
    made = (await tenants.found(db, clock)).development
    kept = Settings(made, webhook=Webhook("https://hooks.example.com/", False))
    await db.write(lambda tx: store.put(tx, vault, kept, {}, clock.now))
    return made


def raised(environment: str) -> Raised:
    return Raised(environment, Kind.disk_low, {"node": "a"}, open_key="disk.low a")


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
            told = Raised(environment, Kind.disk_low, {"node": key}, open_key=key)
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
