"""The shared store by itself: group commit, turns, retries, reads, and a server that goes away."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.util import await_only

from tests.support import postgresql
from tests.support.postgresql import SAFE, Postgresql
from waypost.db.database import Beside, Tx, metadata
from waypost.db.migrations import migrate
from waypost.db.postgresql.connections import url_of
from waypost.db.postgresql.database import PostgresqlDatabase
from waypost.errors import Unavailable

ADD = sa.text("INSERT INTO number (value) VALUES (:value)")
FREELY = Beside("test")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = postgresql.shared()
    made = await server.database()
    yield made
    await server.drop(made)


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresqlDatabase]:
    made = PostgresqlDatabase(url)
    await made.write(stating("CREATE TABLE number (value integer PRIMARY KEY)"))
    yield made
    await made.close()


def stating(statement: str) -> Callable[[Tx], None]:
    def run(tx: Tx) -> None:
        tx.exec_driver_sql(statement)

    return run


def add(value: int) -> Callable[[Tx], int]:
    def write(tx: Tx) -> int:
        tx.execute(ADD, {"value": value})
        return value

    return write


def refusing(value: int) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        tx.execute(ADD, {"value": value})
        raise ValueError("no")

    return write


async def values(store: PostgresqlDatabase) -> list[int]:
    return await store.read(lambda tx: list(tx.scalars(sa.text("SELECT value FROM number ORDER BY value"))))


@pytest.mark.parametrize("beside", [None, FREELY], ids=["in turn", "beside others"])
async def test_many_writes_share_a_commit_and_one_that_fails_is_undone_alone(
    store: PostgresqlDatabase, beside: Beside | None
) -> None:
    before = store.commits
    writes = (store.write(refusing(n) if n % 3 == 0 else add(n), beside=beside) for n in range(90))
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["ValueError", "int", "int"] * 30
    assert await values(store) == [n for n in range(90) if n % 3]
    assert store.commits - before <= 6


async def test_a_refusal_by_a_constraint_is_an_integrity_error(store: PostgresqlDatabase) -> None:
    await store.write(add(1))
    for beside in (None, FREELY):
        with pytest.raises(sa.exc.IntegrityError):
            await store.write(add(1), beside=beside)
    assert await values(store) == [1]


@pytest.mark.parametrize("beside", [None, FREELY], ids=["in turn", "beside others"])
async def test_a_write_that_hid_a_failed_statement_is_not_called_durable(
    store: PostgresqlDatabase, beside: Beside | None
) -> None:
    def hide(tx: Tx) -> int:
        tx.execute(ADD, {"value": 1})
        with contextlib.suppress(sa.exc.DBAPIError):
            tx.exec_driver_sql("SELECT 1 / 0")
        return 1

    with pytest.raises(Unavailable):
        await store.write(hide, beside=beside)
    assert await values(store) == []
    await store.write(add(2), beside=beside)
    assert await values(store) == [2]


async def test_of_two_who_make_the_same_thing_the_second_sees_the_first(store: PostgresqlDatabase) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    def next_number(tx: Tx) -> int:
        number = (tx.scalar(sa.text("SELECT max(value) FROM number")) or 0) + 1
        tx.execute(ADD, {"value": number})
        if not reached.is_set():
            reached.set()
            await_only(go.wait())
        return number

    first = asyncio.create_task(store.write(next_number, beside=Beside("one")))
    await reached.wait()
    second = asyncio.create_task(store.write(next_number, beside=Beside("other")))
    await waits(store)
    go.set()
    assert [await first, await second] == [1, 2]


async def waits(store: PostgresqlDatabase) -> None:
    """Until somebody waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(15):
        while not await store.read(lambda tx: tx.scalar(sa.text(query))):
            pass


async def test_two_that_lock_in_a_circle_both_get_done(store: PostgresqlDatabase) -> None:
    await asyncio.gather(store.write(add(1)), store.write(add(2)))
    met = asyncio.Barrier(2)

    def both(first: int, second: int) -> Callable[[Tx], int]:
        runs = 0

        def write(tx: Tx) -> int:
            nonlocal runs
            runs += 1
            lock = sa.text("SELECT value FROM number WHERE value = :value FOR UPDATE")
            tx.execute(lock, {"value": first})
            if runs == 1:
                await_only(met.wait())
            tx.execute(lock, {"value": second})
            return runs

        return write

    ran = await asyncio.gather(
        store.write(both(1, 2), beside=Beside("one")), store.write(both(2, 1), beside=Beside("other"))
    )
    assert sorted(ran) == [1, 2]


async def test_writes_of_the_same_rows_take_turns_and_of_others_do_not(store: PostgresqlDatabase) -> None:
    await store.write(stating("INSERT INTO shard VALUES (1, '', 0, 0), (2, '', 0, 0)"))
    reached, go = asyncio.Event(), asyncio.Event()

    def hold(tx: Tx) -> None:
        reached.set()
        await_only(go.wait())

    held = asyncio.create_task(store.write(hold, beside=Beside("one", (("shard", 1),))))
    await reached.wait()
    assert await store.write(lambda tx: 5, beside=Beside("two", (("shard", 2),))) == 5
    late = asyncio.create_task(store.write(lambda tx: 6, beside=Beside("two", (("shard", 1),))))
    await waits(store)
    assert not late.done()
    go.set()
    await held
    assert await late == 6


async def test_a_read_cannot_write(store: PostgresqlDatabase) -> None:
    for statement in ("INSERT INTO number (value) VALUES (1)", "DROP TABLE number", "DELETE FROM number"):
        with pytest.raises(Unavailable):
            await store.read(stating(statement))
    assert await values(store) == []


async def test_a_read_sees_one_moment(store: PostgresqlDatabase) -> None:
    begun, written = asyncio.Event(), asyncio.Event()

    def twice(tx: Tx) -> tuple[Any, Any]:
        count = sa.text("SELECT count(*) FROM number")
        first = tx.scalar(count)
        begun.set()
        await_only(written.wait())
        return first, tx.scalar(count)

    reading = asyncio.create_task(store.read(twice))
    await begun.wait()
    await store.write(add(1))
    written.set()
    assert await reading == (0, 0)
    assert await values(store) == [1]


async def test_a_read_that_fails_or_is_given_up_leaves_the_store_fit(store: PostgresqlDatabase) -> None:
    def fail(tx: Tx) -> None:
        raise KeyError("x")

    for _ in range(20):
        with pytest.raises(KeyError):
            await store.read(fail)
        slow = asyncio.create_task(store.read(stating("SELECT pg_sleep(30)")))
        await asyncio.sleep(0)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
    assert await values(store) == []


async def test_a_refusal_names_no_statement_and_no_value(store: PostgresqlDatabase) -> None:
    statement = sa.text("INSERT INTO nowhere VALUES (:secret)")
    with pytest.raises(Unavailable) as caught:
        await store.write(lambda tx: tx.execute(statement, {"secret": "hush"}) and None)
    assert "hush" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


async def test_a_closed_store_is_unavailable(url: str) -> None:
    store = PostgresqlDatabase(url)
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.write(lambda tx: None)
    with pytest.raises(Unavailable):
        await store.read(lambda tx: None)


async def test_closing_finishes_what_was_begun(store: PostgresqlDatabase, url: str) -> None:
    writes = [asyncio.ensure_future(store.write(add(value))) for value in range(300)]
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), *writes)
    again = PostgresqlDatabase(url)
    assert await values(again) == list(range(300))
    await again.close()


async def test_a_session_that_was_ended_is_replaced_unnoticed(store: PostgresqlDatabase) -> None:
    await asyncio.gather(store.write(add(1)), values(store))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    end += " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    other = PostgresqlDatabase(str(store._engine.url).replace("+asyncpg", ""))
    await other.read(stating(end))
    await other.close()
    await store.write(add(2))
    assert await values(store) == [1, 2]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Postgresql]:
    """A server that a test may stop."""
    place = tmp_path / "postgresql"
    place.mkdir()
    server = Postgresql(place, *SAFE).start()
    yield server
    server.stop(signal.SIGQUIT)


async def test_what_was_committed_before_a_crash_is_there_after_it(own: Postgresql) -> None:
    store = PostgresqlDatabase(own.url("postgres"))
    await store.write(stating("CREATE TABLE writer_turn (id integer PRIMARY KEY, number bigint)"), beside=FREELY)
    await store.write(stating("CREATE TABLE number (value integer PRIMARY KEY)"))
    await asyncio.gather(*(store.write(add(value)) for value in range(100)))
    await asyncio.to_thread(own.stop, signal.SIGQUIT)
    for use in (store.write(add(-1)), values(store), store.write(add(-2), beside=FREELY)):
        with pytest.raises(Unavailable):
            await use
    await asyncio.to_thread(own.start)
    assert await values(store) == list(range(100))
    await store.write(add(100))
    await store.close()


async def test_a_server_that_is_not_durable_is_warned_of(url: str, own: Postgresql) -> None:
    async def warned(of: str) -> set[str]:
        store = PostgresqlDatabase(of)
        with structlog.testing.capture_logs() as entries:
            await store.look()
        await store.close()
        return {entry["setting"] for entry in entries if entry["event"] == "store.not_durable"}

    assert await warned(url) == {"fsync", "full_page_writes"}
    assert await warned(own.url("postgres")) == set()


async def test_nodes_that_start_at_once_make_the_schema_once() -> None:
    server = postgresql.shared()
    url = await server.database(empty=True)
    program = (
        "import asyncio, sys; from waypost.db.migrations import migrate;"
        " asyncio.run(migrate.upgrade_shared(sys.argv[1]))"
    )
    starting = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, url) for _ in range(4)]
    assert [await node.wait() for node in starting] == [0, 0, 0, 0]
    store = PostgresqlDatabase(url)
    made = await store.read(lambda tx: set(sa.inspect(tx).get_table_names()))
    assert made == {*metadata.tables, "alembic_version"}
    await store.write(stating("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.SchemaIsNewer, match="9999"):
        await migrate.upgrade_shared(url)
    await store.close()
    await server.drop(url)


async def test_nobody_there_is_unavailable() -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{postgresql.free_port()}/x"
    with pytest.raises(Unavailable):
        await migrate.upgrade_shared(nowhere)
    store = PostgresqlDatabase(nowhere)
    for use in (store.write(lambda tx: None), store.read(lambda tx: None)):
        with pytest.raises(Unavailable) as caught:
            await use
        assert caught.value.retry_after_seconds > 0
    await store.close()


def test_sslmode_reaches_the_driver() -> None:
    url = url_of("postgresql://u:p@db.example.org/waypost?sslmode=verify-full")
    assert (url.drivername, dict(url.query)) == ("postgresql+asyncpg", {"ssl": "verify-full"})
