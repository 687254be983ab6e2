"""Runs procrastinate's worker."""

import asyncio

from bench.peers.programs.procrastinate_app import CONCURRENCY, app


async def _run() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY)


asyncio.run(_run())
