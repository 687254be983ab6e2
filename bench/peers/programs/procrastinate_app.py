"""procrastinate on PostgreSQL: 50 at once over one aiohttp session, stalled jobs retried as its documents say."""

import os
from typing import Any

import aiohttp
from procrastinate import App, PsycopgConnector, RetryStrategy

CONCURRENCY = 50

app = App(connector=PsycopgConnector(conninfo=os.environ["PEER_STORE"]))
_sessions: list[aiohttp.ClientSession] = []


async def _post(body: str) -> None:
    if not _sessions:
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    headers = {"content-type": "application/json"}
    async with _sessions[0].post(os.environ["PEER_SINK"], data=body.encode(), headers=headers) as answer:
        answer.raise_for_status()


async def _retry_stalled(context: Any, timestamp: int) -> None:
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)


deliver: Any = app.task(name="deliver", retry=RetryStrategy(max_attempts=10, exponential_wait=2))(_post)
stalled: Any = app.periodic(cron="*/10 * * * *")(
    app.task(name="retry_stalled", queueing_lock="retry_stalled", pass_context=True)(_retry_stalled)
)
