"""A URL with several servers: read as libpq reads it, and the one that takes writes is found."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from servers.postgresql import free_port, statement
from tests.support import postgresql
from torture.proxy import SWALLOW, Proxy
from waypost.db.database import Tx
from waypost.db.postgresql import hosts
from waypost.db.postgresql.connections import url_of
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.db.postgresql.hosts import Host
from waypost.errors import Unavailable
from waypost.settings import SettingsInvalid, load


@pytest.mark.parametrize(
    ("url", "first", "found"),
    [
        ("postgresql://db/w", "postgresql://db/w", [Host("db", 5432)]),
        ("postgresql://u:p@db:1/w?a=b", "postgresql://u:p@db:1/w?a=b", [Host("db", 1)]),
        ("postgresql://u:p@a:1,b/w?x=y", "postgresql://u:p@a:1/w?x=y", [Host("a", 1), Host("b", 5432)]),
        (
            "postgresql://u@[::1]:7,[fe80::2]/w",
            "postgresql://u@[::1]:7/w",
            [Host("::1", 7), Host("fe80::2", 5432)],
        ),
        ("postgresql:///w?host=/run/postgresql", "postgresql:///w?host=/run/postgresql", []),
    ],
)
def test_a_url_is_read_as_libpq_does(url: str, first: str, found: list[Host]) -> None:
    assert hosts.split(url) == (first, tuple(found))


def test_what_only_concerns_the_choice_does_not_reach_the_server() -> None:
    made = url_of("postgresql://u@a:1,b:2/w?target_session_attrs=read-write&sslmode=require")
    assert (made.host, made.port, made.database, dict(made.query)) == ("a", 1, "w", {"ssl": "require"})


@pytest.mark.parametrize(
    "url", ["postgresql://a,,b/w", "postgresql://a,b", "postgresql://a,b/w?target_session_attrs=read-only"]
)
def test_a_url_that_cannot_be_used_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="WAYPOST_DATABASE_URL"):
        load(database_url=url)


@pytest.fixture
async def name() -> AsyncIterator[str]:
    """A database of the test server: what follows the last slash of its URL."""
    server = postgresql.shared()
    url = await server.database()
    yield url.rsplit("/", 1)[1]
    await server.drop(url)


def several(name: str, *ports: int, attributes: str = "") -> PostgresqlDatabase:
    places = ",".join(f"127.0.0.1:{port}" for port in ports)
    return PostgresqlDatabase(f"postgresql://postgres@{places}/{name}{attributes}")


def one(tx: Tx) -> int:
    return int(tx.scalar(sa.text("SELECT 1")) or 0)


async def test_a_server_that_is_away_or_silent_is_passed_over(name: str) -> None:
    with Proxy(free_port()) as silent:
        silent.become(SWALLOW)
        store = several(name, free_port(), silent.port, postgresql.shared().port)
        assert await store.read(one) == 1
        # the next connections begin with the one that was right
        async with asyncio.timeout(4):
            assert await asyncio.gather(*(store.read(one) for _ in range(4))) == [1] * 4
        await store.close()


async def test_a_server_that_takes_no_writes_is_no_server(name: str) -> None:
    server = postgresql.shared()
    await statement(server.url("postgres"), f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = several(name, server.port, free_port())
    with pytest.raises(Unavailable):
        await store.read(one)
    await store.close()
    choosy = several(
        name, server.port, attributes="?target_session_attrs=primary"
    )  # what it is, not what it takes
    assert await choosy.read(one) == 1
    await choosy.close()


async def test_a_session_that_takes_no_writes_any_more_is_not_kept(name: str) -> None:
    store = several(name, postgresql.shared().port)
    await store.write(lambda tx: tx.exec_driver_sql("CREATE TABLE number (value integer)").close())
    await store.write(lambda tx: tx.exec_driver_sql("SET default_transaction_read_only = on").close())

    def add(tx: Tx) -> None:
        tx.exec_driver_sql("INSERT INTO number VALUES (1)")

    await store.write(add)  # over a new connection
    await store.close()
