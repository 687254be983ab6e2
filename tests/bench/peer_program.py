"""A peer for the tests: a producer that writes messages into a folder, and a worker that posts them.

    python -m tests.bench.peer_program produce|work

`PEER_STORE` is a folder. The worker takes from the front, and forgets a message once it is answered.
"""

import os
import sys
import time
import urllib.request
from pathlib import Path

from bench.peers.programs.protocol import numbered, obey

STORE = Path(os.environ["PEER_STORE"])


def enqueue(*, body: str, count: int) -> dict[str, float]:
    began = time.monotonic()
    for number in range(count):
        put(numbered(body, number))
    return {"done": count, "seconds": time.monotonic() - began}


def pace(*, body: str, rate: int, seconds: float) -> list[tuple[int, float]]:
    sent = []
    for number in range(int(rate * seconds)):
        sent.append((number, time.monotonic()))
        put(numbered(body, number))
    return sent


def put(body: str) -> None:
    name = f"{time.monotonic_ns():020d}"
    part = STORE / f"{name}.part"
    part.write_text(body)
    part.rename(STORE / name)


def waiting() -> list[Path]:
    return sorted(path for path in STORE.iterdir() if not path.suffix)


def clear() -> None:
    for path in waiting():
        path.unlink()


def work() -> None:
    while True:
        for path in waiting():
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(os.environ["PEER_SINK"], path.read_bytes(), headers)
            with urllib.request.urlopen(request) as answer:
                answer.read()
            path.unlink()
        time.sleep(0.005)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work()
    obey({"enqueue": enqueue, "pace": pace, "left": lambda: len(waiting()), "clear": clear})
