"""The embedded store: group commit, reads that cannot write, and what it says when it cannot go on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from waypost.db import sqlite
from waypost.db.database import Beside, Tx
from waypost.db.sqlite import SqliteDatabase
from waypost.errors import Unavailable

ADD = sa.text("INSERT INTO number (value) VALUES (:value)")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "store.sqlite3")
    await made.write(lambda tx: run(tx, "CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT)"))
    yield made
    await made.close()


def run(tx: Tx, statement: str, **values: Any) -> None:
    tx.execute(sa.text(statement), values)


def add(value: int) -> Callable[[Tx], int]:
    def write(tx: Tx) -> int:
        tx.execute(ADD, {"value": value})
        return value

    return write


async def values(store: SqliteDatabase) -> list[int]:
    return await store.read(lambda tx: list(tx.scalars(sa.text("SELECT value FROM number ORDER BY value"))))


def noting(value: int, note: str) -> Callable[[Tx], None]:
    return lambda tx: run(tx, "INSERT INTO number VALUES (:value, :note)", value=value, note=note)


def stating(statement: str) -> Callable[[Tx], None]:
    return lambda tx: run(tx, statement)


def refusing(value: int) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        tx.execute(ADD, {"value": value})
        raise ValueError("no")

    return write


class Gate:
    """A write that holds the writer until it is opened, so that what follows waits behind it."""

    def __init__(self, store: SqliteDatabase) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        self._task = asyncio.ensure_future(store.write(self._wait))
        self._task.add_done_callback(lambda done: done.exception())  # a full disk refuses it with what joined it

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        self._open.set()

    def _wait(self, tx: Tx) -> None:
        self._reached.set()
        assert self._open.wait(10)


async def test_a_write_gives_what_the_function_gives_and_is_there_for_reads(store: SqliteDatabase) -> None:
    assert await store.write(add(7)) == 7
    assert await values(store) == [7]


async def test_writes_that_wait_together_share_one_commit_in_their_order(store: SqliteDatabase) -> None:
    gate = Gate(store)
    await gate.reached()
    order: list[int] = []

    def noted(value: int) -> Any:
        return lambda tx: order.append(add(value)(tx))

    writes = [asyncio.ensure_future(store.write(noted(value))) for value in range(200)]
    await asyncio.sleep(0)
    before = store.commits
    gate.open()
    await asyncio.gather(*writes)
    assert store.commits == before + 1  # the gate's own has room for two hundred
    assert order == list(range(200))
    assert await values(store) == list(range(200))


async def test_what_the_control_plane_writes_goes_before_what_waits_of_the_message_path(
    store: SqliteDatabase,
) -> None:
    gate = Gate(store)
    await gate.reached()
    order: list[int] = []
    most, looked = sqlite.MOST_BEHIND_FIRST + sqlite.MOST_BESIDE_IN_A_COMMIT, threading.Event()

    def noted(value: int) -> Callable[[Tx], None]:
        def note(tx: Tx) -> None:
            if value == most:  # whatever has been committed by now stays all there is until it has been looked at
                assert looked.wait(10)
            order.append(add(value)(tx))

        return note

    path = [asyncio.ensure_future(store.write(noted(value), beside=Beside("settle"))) for value in range(300)]
    await asyncio.sleep(0.01)
    control = [asyncio.ensure_future(store.write(noted(value))) for value in (1000, 1001)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*control)
    assert len(await values(store)) <= 2 + most
    looked.set()
    await asyncio.gather(*path)
    assert order == [1000, 1001, *range(300)]


async def test_the_message_path_goes_on_however_much_the_control_plane_writes(store: SqliteDatabase) -> None:
    going, done = True, 0

    async def control(value: int) -> None:
        nonlocal done
        while going:
            await store.write(stating("UPDATE number SET note = 'x' WHERE value = 0"))
            done += 1

    calls = [asyncio.ensure_future(control(number)) for number in range(8)]
    await asyncio.gather(*(store.write(add(value), beside=Beside("settle")) for value in range(500)))
    going = False
    await asyncio.gather(*calls)
    assert done
    assert await values(store) == list(range(500))


async def test_a_write_that_fails_is_undone_alone(store: SqliteDatabase) -> None:
    gate = Gate(store)
    await gate.reached()
    writes = [
        asyncio.ensure_future(store.write(refusing(value) if value % 3 == 0 else add(value))) for value in range(9)
    ]
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["ValueError", "int", "int"] * 3
    assert await values(store) == [1, 2, 4, 5, 7, 8]


async def test_a_statement_that_fails_undoes_its_own_write_only(store: SqliteDatabase) -> None:
    await store.write(add(1))

    def two(tx: Tx) -> None:
        tx.execute(ADD, {"value": 2})
        tx.execute(ADD, {"value": 1})

    with pytest.raises(sa.exc.IntegrityError):
        await store.write(two)
    assert await values(store) == [1]


async def test_a_write_whose_caller_has_gone_is_kept_whole(store: SqliteDatabase) -> None:
    gate = Gate(store)
    await gate.reached()
    gone = asyncio.ensure_future(store.write(add(1)))
    await asyncio.sleep(0)
    gone.cancel()
    gate.open()
    await store.write(add(2))
    assert await values(store) == [1, 2]


async def test_a_read_cannot_write(store: SqliteDatabase) -> None:
    for statement in ("INSERT INTO number (value) VALUES (1)", "DROP TABLE number", "DELETE FROM number"):
        with pytest.raises(Unavailable):
            await store.read(stating(statement))
    assert await values(store) == []


async def test_a_read_sees_one_moment(store: SqliteDatabase) -> None:
    begun, written = threading.Event(), threading.Event()

    def twice(tx: Tx) -> tuple[int, int]:
        count = sa.text("SELECT count(*) FROM number")
        first = tx.scalar(count)
        begun.set()
        assert written.wait(10)
        return first or 0, tx.scalar(count) or 0

    reading = asyncio.ensure_future(store.read(twice))
    assert await asyncio.to_thread(begun.wait, 10)
    await store.write(add(1))
    written.set()
    assert await reading == (0, 0)
    assert await values(store) == [1]


async def test_a_read_that_fails_leaves_the_reader_fit(store: SqliteDatabase) -> None:
    def fail(tx: Tx) -> None:
        tx.execute(sa.text("SELECT 1"))
        raise KeyError("x")

    for _ in range(2 * sqlite.READERS):
        with pytest.raises(KeyError):
            await store.read(fail)
    assert await values(store) == []


async def test_what_is_written_is_on_the_disk_when_it_is_answered(store: SqliteDatabase) -> None:
    def settings(tx: Tx) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        return {name: tx.scalar(sa.text(f"PRAGMA {name}")) for name in names}

    assert await store.write(settings) == {
        "journal_mode": "wal", "synchronous": 2, "secure_delete": 2, "foreign_keys": 1,
    }  # fmt: skip


async def fill(store: SqliteDatabase) -> int:
    """Write until the disk is full; how many rows were answered for."""
    await store.write(stating("PRAGMA max_page_count = 24"))
    for value in range(10_000):
        try:
            await store.write(noting(value, "x" * 900))
        except Unavailable:
            return value
    raise AssertionError("the disk never was full")


async def test_a_full_disk_is_said_and_nothing_that_was_answered_is_lost(store: SqliteDatabase) -> None:
    written = await fill(store)
    with pytest.raises(Unavailable, match="full"):
        await store.write(noting(-1, "x" * 9000))
    assert written > 0
    assert await values(store) == list(range(written))


async def test_after_a_full_disk_writing_goes_on_by_itself(store: SqliteDatabase) -> None:
    written = await fill(store)
    await store.write(stating("PRAGMA max_page_count = 100000"))
    await store.write(add(-1))
    assert await values(store) == [-1, *range(written)]


async def test_a_full_disk_refuses_every_write_of_its_commit(store: SqliteDatabase) -> None:
    written = await fill(store)
    gate = Gate(store)
    await gate.reached()
    big = [asyncio.ensure_future(store.write(noting(value, "x" * 9000))) for value in range(100, 110)]
    await asyncio.sleep(0)
    gate.open()
    answers = await asyncio.gather(*big, return_exceptions=True)
    kept = [value for value, answer in zip(range(100, 110), answers, strict=True) if answer is None]
    assert any(isinstance(answer, Unavailable) for answer in answers)
    assert await values(store) == [*range(written), *kept]


async def test_a_store_that_another_holds_is_unavailable_not_broken(store: SqliteDatabase, tmp_path: Path) -> None:
    other = sqlite.engine(tmp_path / "store.sqlite3")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await store.write(add(1))
        connection.exec_driver_sql("ROLLBACK")
    other.dispose()
    await store.write(add(2))
    assert await values(store) == [2]


async def test_a_refusal_names_no_statement_and_no_value(store: SqliteDatabase) -> None:
    with pytest.raises(Unavailable) as caught:
        await store.write(lambda tx: run(tx, "INSERT INTO nowhere VALUES (:secret)", secret="hush"))
    assert "hush" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "store.sqlite3")
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.write(lambda tx: None)
    with pytest.raises(Unavailable):
        await store.read(lambda tx: None)


async def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "store.sqlite3")
    await store.write(lambda tx: run(tx, "CREATE TABLE number (value INTEGER PRIMARY KEY)"))
    gate = Gate(store)
    await gate.reached()
    writes = [asyncio.ensure_future(store.write(add(value))) for value in range(1000)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*writes, closing)
    again = SqliteDatabase(tmp_path / "store.sqlite3")
    assert await values(again) == list(range(1000))
    await again.close()
