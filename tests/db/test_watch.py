"""A network that swallows everything is noticed within seconds; a slow statement is left alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from tests.support import postgresql
from tests.support.waiting import eventually
from torture.proxy import CUT, PASS, SWALLOW, Proxy
from waypost.db.database import Tx
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.errors import Unavailable

LONG_SECONDS = 0.5
NOTICED_SECONDS = 20
"""Most of it is waiting for connections; without the watch it would be a minute."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(postgresql.shared().port) as made:
        yield made


@pytest.fixture
async def store(proxy: Proxy) -> AsyncIterator[PostgresqlDatabase]:
    server = postgresql.shared()
    url = await server.database()
    made = PostgresqlDatabase(url.replace(str(server.port), str(proxy.port)), long_seconds=LONG_SECONDS)
    yield made
    proxy.become(PASS)
    await made.close()
    await server.drop(url)


def number(tx: Tx) -> int:
    return int(tx.scalar(sa.text("SELECT 7")) or 0)


def slow(tx: Tx) -> int:
    return int(tx.scalar(sa.text("SELECT 7 FROM pg_sleep(1.5)")) or 0)


async def test_nothing_waits_for_long_on_a_network_that_swallows(store: PostgresqlDatabase, proxy: Proxy) -> None:
    assert [await store.read(number), await store.write(number)] == [7, 7]
    proxy.become(SWALLOW)
    asked = asyncio.gather(store.read(number), store.write(number), return_exceptions=True)
    found = await asyncio.wait_for(asked, NOTICED_SECONDS)
    assert [type(each) for each in found] == [Unavailable, Unavailable]
    proxy.become(PASS)
    assert [await store.read(number), await store.write(number)] == [7, 7]


async def test_what_hangs_on_a_server_that_is_back_goes_on_by_itself(
    store: PostgresqlDatabase, proxy: Proxy
) -> None:
    assert await store.read(number) == 7
    proxy.become(SWALLOW)
    reading = asyncio.create_task(store.read(number))
    await eventually(lambda: proxy.swallowed, "the loss of the question")
    proxy.become(PASS)  # the server is there again, but knows nothing of that question
    assert await asyncio.wait_for(reading, NOTICED_SECONDS) == 7


async def test_a_slow_statement_is_left_alone(store: PostgresqlDatabase, proxy: Proxy) -> None:
    assert await store.read(slow) == 7
    assert proxy.broken == 0


async def test_a_cut_is_noticed_at_once(store: PostgresqlDatabase, proxy: Proxy) -> None:
    assert await store.write(number) == 7
    proxy.become(CUT)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(store.write(number), 5)
    proxy.become(PASS)
    assert await store.write(number) == 7
