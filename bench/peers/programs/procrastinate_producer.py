"""Puts messages into procrastinate's table: many by its call for many, paced ones one by one."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from bench.peers.programs.procrastinate_app import app, deliver
from bench.peers.programs.protocol import numbered, obey

AT_ONCE = 500


def _opened(work: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    async def run(**params: Any) -> Any:
        async with app.open_async():
            return await work(**params)

    return lambda **params: asyncio.run(run(**params))


async def enqueue(*, body: str, count: int) -> dict[str, float]:
    """Put so many in, some hundreds at a time; in how long."""
    bodies = [{"body": numbered(body, number)} for number in range(count)]
    began = time.monotonic()
    for start in range(0, count, AT_ONCE):
        await deliver.batch_defer_async(*bodies[start : start + AT_ONCE])
    return {"done": count, "seconds": time.monotonic() - began}


async def pace(*, body: str, rate: int, seconds: float) -> list[tuple[int, float]]:
    """Put `rate` messages a second in; number and moment of each."""
    sent, began = [], time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sent.append((number, time.monotonic()))
        await deliver.defer_async(body=numbered(body, number))
    return sent


def left() -> int:
    """How many the store still has undone."""
    with psycopg.connect(os.environ["PEER_STORE"]) as connection:
        found = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'deliver' AND status IN ('todo', 'doing')"
        ).fetchone()
    return int(found[0]) if found else 0


async def clear() -> None:
    """Forget everything; the tables are made the first time."""
    if not await app.check_connection_async():
        await app.schema_manager.apply_schema_async()
    await app.connector.execute_query_async(
        "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
    )


obey({"enqueue": _opened(enqueue), "pace": _opened(pace), "left": left, "clear": _opened(clear)})
