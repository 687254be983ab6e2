"""The campaign's senders, a process of its own: one request after the other into each queue, through every death.

What gets no answer is sent again under its `Idempotency-Key`, to whichever node answers, until its fate is known.
A request is one message, or, for three lanes of four of a heavy load, as many lines as there is room for.
"""

import asyncio
import http.client
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.serving import Client
from tests.support.waypost import TOKEN_LIFE_SECONDS, message

from bench.processes import obey
from crash.wires import ANSWER_SECONDS, Asked, Wires
from waypost.tokens import assertion

REST_SECONDS = 0.02
LATER = {401, 503}
"""Not now: the token's time is over by the clock of this node, or the store is away."""
SINGLES = 4
"""With batches, one lane of so many sends message after message all the same, over kept connections."""


class Senders:
    """A thread for each lane; none sends beyond the number that it is allowed."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._ports: list[int] = about["ports"]
        self._key, self._client_id, self._source = about["key"], about["client"], about["source"]
        self._batch: int = about["batch"]
        self._lanes: dict[int, Any] = {int(number): made for number, made in about["lanes"].items()}
        self._answered: list[tuple[int, int, float]] = []
        self._refused: list[str] = []
        self._allowed = dict.fromkeys(self._lanes, 0)
        self._changed = threading.Condition()
        self._over = False
        self._token = (0.0, "")
        self._signing = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send_all, args=(lane,), daemon=True) for lane in self._lanes
        ]
        for thread in self._threads:
            thread.start()

    async def since(self, *, start: int) -> dict[str, Any]:
        """What was acknowledged, without so many at the beginning, and when the request for it began.

        Also every answer that should not be.
        """
        return {"answered": self._answered[start:], "refused": self._refused}

    async def allow(self, *, upto: dict[str, int]) -> None:
        """Let each lane send the numbers below."""
        with self._changed:
            self._allowed |= {int(lane): number for lane, number in upto.items() if int(lane) in self._lanes}
            self._changed.notify_all()

    async def end(self) -> None:
        """Begin no new message, and wait for the answers to those that were begun."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _send_all(self, lane: int) -> None:
        ports = itertools.islice(itertools.cycle(self._ports), lane, None)
        most = self._batch if lane % SINGLES else 1
        first = 0
        with Wires(kept=self._batch > 1) as wires:
            while numbers := self._room(lane, first, most):
                self._send(wires, ports, lane, numbers)
                first = numbers.stop

    def _room(self, lane: int, first: int, most: int) -> range:
        """What to send next, once it may be sent; nothing in the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or first < self._allowed[lane])
            return range(first, first if self._over else min(first + most, self._allowed[lane]))

    def _send(self, wires: Wires, ports: Iterator[int], lane: int, numbers: range) -> None:
        """Some messages in one request, until every one is answered, by whatever node."""
        bodies = [json.dumps(message(self._lanes[lane], self._source, number)).encode() for number in numbers]
        asked = Asked(f"{lane}-{numbers.start}", bodies)
        known: list[bytes] = []
        for port in ports:
            self._ask(wires, port, asked, lane, numbers, known)
            if len(known) == len(numbers):
                return
            threading.Event().wait(REST_SECONDS)

    def _ask(self, wires: Wires, port: int, asked: Asked, lane: int, numbers: range, known: list[bytes]) -> None:
        """Ask a node once. `known` is what was said to the first of them, now or before."""
        began = time.monotonic()
        try:
            token = self._bearer(port)
        except ConnectionError:
            return
        for at, (status, said) in enumerate(wires.answers(port, token, asked)):
            if status in LATER:
                self._token = (0.0, "") if status == 401 else self._token
                return
            if at < len(known):
                if said != known[at]:
                    self._refused.append(f"another answer to the same key: {said[:300]!r}")
                continue
            known.append(said)
            if status == 200:
                self._answered.append((lane, numbers[at], began))
            else:
                self._refused.append(f"{status} {said[:300]!r}")

    def _bearer(self, port: int) -> str:
        """The token that all lanes use, on every node; taken anew from this one when it is old."""
        with self._signing:
            taken_at, token = self._token
            if not token or time.monotonic() - taken_at > TOKEN_LIFE_SECONDS:
                signed = assertion.assertion(self._key, self._client_id, f"http://127.0.0.1:{port}/v2/auth/token")
                form = urlencode(assertion.form(signed)).encode()
                media_type = {"content-type": "application/x-www-form-urlencoded"}
                try:
                    answer = Client(port)(
                        "POST", "/v2/auth/token", form, headers=media_type, timeout=ANSWER_SECONDS
                    )
                except (OSError, http.client.HTTPException) as error:
                    raise ConnectionError("no token now") from error
                if answer.status != 200:
                    raise ConnectionError("no token now")
                token = str(answer.json["access_token"])
                self._token = (time.monotonic(), token)
            return token


async def _run(about: dict[str, Any]) -> None:
    senders = Senders(about)
    await obey({}, {"since": senders.since, "allow": senders.allow, "end": senders.end})


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
