"""Two API nodes that commit out of the order in which messages came, on purpose: no cursor skips (invariant 1)."""

import asyncio
from typing import Any

import asyncpg

from tests.support.nodes import Node
from tests.support.receiver import Receiver, Request
from tests.support.serving import Answer
from tests.support.waiting import SECONDS
from tests.support.waypost import Server, message, number_of

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def waiting(database: asyncpg.Connection, count: int) -> None:
    """Until so many transactions wait for a row that another one holds."""
    end = asyncio.get_running_loop().time() + SECONDS
    while await database.fetchval(WAITING) < count:
        assert asyncio.get_running_loop().time() < end, f"fewer than {count} transactions wait"


def posted(server: Server, token: str, body: dict[str, Any]) -> "asyncio.Task[Answer]":
    return asyncio.create_task(asyncio.to_thread(server.call, "POST", "/endpoint", body, token=token))


def received(requests: list[Request], destination: dict[str, Any]) -> list[tuple[int, int]]:
    """Position and message of everything that a destination got."""
    mine = [each for each in requests if each.json["Meta"]["Destinations"][0]["ID"] == destination["id"]]
    return [(int(each.headers["waypost-sequence"]), number_of(each.json)) for each in mine]


async def test_a_message_that_commits_late_on_one_node_is_not_passed_by_those_of_another(node: Node) -> None:
    one, two, _ = await asyncio.to_thread(lambda: (node("api"), node("api"), node("worker")))
    source, token = one.source(), one.token(client=one.client_id())
    with Receiver() as receiver:
        made = [one.destination(endpoint=receiver.url) for _ in range(3)]
        for each in made:
            one.subscribe(source, each)
        first, blocked, apart = sorted(made, key=lambda each: str(each["id"]))
        both = message(first, source, 1)
        both["Meta"]["Destinations"].append({"ID": blocked["id"]})
        url = one.environment["WAYPOST_DATABASE_URL"]
        holder, database = await asyncpg.connect(url), await asyncpg.connect(url)
        try:
            async with holder.transaction():
                lock = "SELECT 1 FROM destination_seq WHERE destination_id = $1 FOR UPDATE"
                await holder.execute(lock, blocked["id"])
                early = posted(one, token, both)  # came first, and cannot commit
                await waiting(database, 1)
                late = posted(two, token, message(first, source, 2))
                await waiting(database, 2)  # it is not let past
                free = await posted(two, token, message(apart, source, 3))
                assert free.status == 200
                receiver.wait(1)
                assert received(receiver.requests, first) == []
            assert [(await answer).status for answer in (early, late)] == [200, 200]
        finally:
            await holder.close()
            await database.close()
        requests = await receiver.arrived(4)
        assert received(requests, first) == [(1, 1), (2, 2)]
        assert received(requests, blocked) == [(1, 1)]
        assert received(requests, apart) == [(1, 3)]
