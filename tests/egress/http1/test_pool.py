"""Connections that wait: the last one first, none too long, and no more than so many."""

import asyncio
import socket

from tests.support.receiver import Receiver
from tests.support.waiting import eventually

from waypost.egress.http1.connection import Connection
from waypost.egress.http1.pool import Pool


async def connection(receiver: Receiver, pool: Pool) -> Connection:
    link = socket.create_connection(("127.0.0.1", receiver.port))
    link.setblocking(False)
    made = Connection(link, pool.ended)
    await asyncio.get_running_loop().create_connection(lambda: made, sock=link)
    pool.opened(made)
    return made


async def test_the_one_that_was_used_last_is_taken_first_and_only_under_its_key() -> None:
    with Receiver() as receiver:
        pool = Pool()
        first, second = await connection(receiver, pool), await connection(receiver, pool)
        pool.give("a", first)
        pool.give("a", second)
        assert pool.take("b") is None
        assert [pool.take("a") for _ in range(3)] == [second, first, None]
        pool.close()


async def test_when_too_many_wait_the_one_that_waits_longest_goes() -> None:
    with Receiver() as receiver:
        pool = Pool(most_idle=2)
        made = [await connection(receiver, pool) for _ in range(3)]
        for number, each in enumerate(made):
            pool.give(number % 2, each)
        assert [pool.take(0), pool.take(0), pool.take(1)] == [made[2], None, made[1]]
        await receiver.closed(1)
        pool.close()


async def test_one_that_the_other_side_closed_is_not_taken() -> None:
    with Receiver() as receiver:
        pool = Pool()
        made = await connection(receiver, pool)
        pool.give("a", made)
        receiver.close()
        await eventually(lambda: made.closed)
        assert pool.take("a") is None
        pool.close()


async def test_one_that_has_waited_long_is_dropped_by_itself() -> None:
    with Receiver() as receiver:
        pool = Pool(keep_seconds=0.05)
        made = await connection(receiver, pool)
        pool.give("a", made)
        await eventually(lambda: made.closed)
        await receiver.closed(1)
        assert pool.take("a") is None


async def test_closing_drops_those_in_use_too() -> None:
    with Receiver() as receiver:
        pool = Pool()
        made = [await connection(receiver, pool) for _ in range(2)]
        pool.give("a", made[0])
        pool.close()
        pool.close()
        await eventually(lambda: all(each.closed for each in made))
        await receiver.closed(2)
