"""Puts messages into Celery's queue, one call each: it has no way for many."""

import os
import time

import redis

from bench.peers.programs.celery_app import QUEUE, app, deliver
from bench.peers.programs.protocol import numbered, obey

_store = redis.Redis.from_url(os.environ["PEER_STORE"])


def enqueue(*, body: str, count: int) -> dict[str, float]:
    """Put so many in; in how long."""
    bodies = [numbered(body, number) for number in range(count)]
    began = time.monotonic()
    with app.producer_or_acquire() as producer:
        for each in bodies:
            deliver.apply_async((each,), producer=producer)
    return {"done": count, "seconds": time.monotonic() - began}


def pace(*, body: str, rate: int, seconds: float) -> list[tuple[int, float]]:
    """Put `rate` messages a second in; number and moment of each."""
    sent, began = [], time.monotonic()
    with app.producer_or_acquire() as producer:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            sent.append((number, time.monotonic()))
            deliver.apply_async((numbered(body, number),), producer=producer)
    return sent


def left() -> int:
    """How many the store still has: those that wait, and those that some worker took."""
    return int(_store.llen(QUEUE)) + int(_store.hlen("unacked"))


def clear() -> None:
    """Forget everything."""
    _store.flushall()


obey({"enqueue": enqueue, "pace": pace, "left": left, "clear": clear})
