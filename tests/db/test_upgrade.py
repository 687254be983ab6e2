"""A store of an earlier schema, with messages under way, is upgraded by a start and delivers all of them in order.

What lies in it is made by this version and put into the old tables, as far as they have its columns.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support import postgresql as servers
from tests.support.callers import Household
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane, numbers
from tests.support.receiver import Receiver, answer
from tests.support.waiting import until
from waypost.db import sqlite
from waypost.db.migrations import migrate
from waypost.db.postgresql import connections
from waypost.folder import DATABASE, SEALING_KEY

EARLIER = [("sqlite", "0003"), ("postgresql", "0003"), ("sqlite", "0006")]
"""The first schema that both stores have had, and one with child queues and notices."""
QUICK = (0, 0.05, 0.1)
Rows = dict[str, list[dict[str, Any]]]


def everything(tx: sa.Connection) -> Rows:
    """All rows of all tables."""
    found = reflected(tx)
    return {table.name: [dict(row._mapping) for row in tx.execute(sa.select(table))] for table in found}


def reflected(tx: sa.Connection) -> list[sa.Table]:
    """The tables as they are in the store, those that others lean on first."""
    known = sa.MetaData()
    known.reflect(tx)
    return [table for table in known.sorted_tables if table.name != "alembic_version"]


def earlier(tx: sa.Connection, revision: str, rows: Rows) -> None:
    """Make the tables of an earlier schema, and put into them what they can hold of these rows."""
    migrate.upgrade_within(tx, revision)
    for table in reflected(tx):
        tx.execute(table.delete())  # the first rows are among the others
        for row in rows[table.name]:
            tx.execute(table.insert().values({name: row[name] for name in row if name in table.c}))


@pytest.fixture
def made_earlier(tmp_path: Path) -> Iterator[Callable[[str, str, Rows], dict[str, Any]]]:
    """Makes such a store in `tmp_path / "old"`; the settings that lead to it."""
    place, urls = tmp_path / "old", []
    place.mkdir()

    async def fill(url: str, revision: str, rows: Rows) -> None:
        engine = connections.engine(url, autocommit=False)
        async with engine.begin() as connection:
            await connection.run_sync(earlier, revision, rows)
        await engine.dispose()

    def make(kind: str, revision: str, rows: Rows) -> dict[str, Any]:
        if kind == "sqlite":
            with closing(sqlite.engine(place / DATABASE).connect()) as connection:
                earlier(connection, revision, rows)
            return {}
        urls.append(asyncio.run(servers.shared().database(empty=True)))
        asyncio.run(fill(urls[0], revision, rows))
        return {"database_url": urls[0], "master_key_file": place / SEALING_KEY}

    yield make
    for url in urls:
        asyncio.run(servers.shared().drop(url))


@pytest.mark.parametrize(("kind", "revision"), EARLIER)
def test_what_is_under_way_at_an_upgrade_is_delivered_in_order(
    tmp_path: Path, kind: str, revision: str, made_earlier: Callable[[str, str, Rows], dict[str, Any]]
) -> None:
    (tmp_path / "new").mkdir()
    with Receiver() as one, Receiver() as other:
        household, rows = under_way(tmp_path / "new", kind, one, other)
        settings = made_earlier(kind, revision, rows)
        shutil.copy2(tmp_path / "new" / SEALING_KEY, tmp_path / "old" / SEALING_KEY)
        before = (len(one.requests), len(other.requests))
        for each in (one, other):
            each.behave(answer())
        with House(tmp_path / "old", keep=household, allowed_networks=LOOPBACK, **settings) as house:
            until(lambda: not house.read(pending), "the delivery of everything")
            found = house.run(house.waypost.engine.upkeep.check())
            assert found["ok"], found
        assert numbers(one)[before[0] :] == [2, 3, 4]
        assert numbers(other)[before[1] :] == [12, 13]


def under_way(place: Path, kind: str, one: Receiver, other: Receiver) -> tuple[Household, Rows]:
    """Two queues in which something was delivered and the rest is held; who may call, and all the rows."""
    with House(place, on=kind, allowed_networks=LOOPBACK, retry_schedule=QUICK) as house:
        lanes = [Lane(house, endpoint=each.url) for each in (one, other)]
        for lane, receiver, first, rest in zip(lanes, (one, other), (1, 11), ((2, 3, 4), (12, 13)), strict=True):
            lane.send(first)
            lane.until("idle")
            receiver.behave(answer(503))
            lane.send(*rest)
            lane.until("held")
        return house.household, house.read(everything)


def pending(tx: sa.Connection) -> int:
    return tx.scalar(sa.text("SELECT count(*) FROM log WHERE state = 'pending'")) or 0


async def test_postgresql_of_a_newer_version_is_refused_and_left_alone() -> None:
    server = servers.shared()
    url = await server.database(empty=True)
    await migrate.upgrade_shared(url)
    engine = connections.engine(url, autocommit=False)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrate.SchemaIsNewer, match="9999, which this version does not know"):
        await migrate.upgrade_shared(url)
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
    await engine.dispose()
    await server.drop(url)
