"""Celery on Redis: acknowledged when done, as its documents advise for tasks that may run twice."""

import os
from typing import Any

import requests
from celery import Celery

QUEUE = "peer"

app = Celery("peer", broker=os.environ["PEER_STORE"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    broker_connection_retry_on_startup=True,
)
_session = requests.Session()
_session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=200))


def _post(body: str) -> None:
    answer = _session.post(
        os.environ["PEER_SINK"], data=body.encode(), headers={"content-type": "application/json"}, timeout=30
    )
    answer.raise_for_status()


deliver: Any = app.task(_post, name="deliver", autoretry_for=(requests.RequestException,), retry_backoff=True)
