"""The campaign's senders, a process of its own: one message after the other into each queue, through every death.

What gets no answer is sent again under its `Idempotency-Key`, to whichever node answers, until its fate is known.
"""

import asyncio
import http.client
import itertools
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.serving import Answer, Client
from tests.support.waypost import TOKEN_LIFE_SECONDS, message

from bench.processes import obey
from waypost.tokens import assertion

ANSWER_SECONDS = 10
REST_SECONDS = 0.02


class Senders:
    """A thread for each lane; none sends beyond the number that it is allowed."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._ports: list[int] = about["ports"]
        self._key, self._client_id, self._source = about["key"], about["client"], about["source"]
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
        """What was acknowledged, without so many at the beginning; and every answer that should not be."""
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
        for number in itertools.count():
            with self._changed:
                self._changed.wait_for(lambda: self._over or number < self._allowed[lane])  # noqa: B023 - at once
                if self._over:
                    return
            self._send(lane, number)

    def _send(self, lane: int, number: int) -> None:
        """One message, until it is answered by whatever node."""
        body = json.dumps(message(self._lanes[lane], self._source, number)).encode()
        headers = {"idempotency-key": f"{lane}-{number}"}
        for port in itertools.islice(itertools.cycle(self._ports), lane + number, None):
            answer = self._post(port, body, headers)
            if answer is not None and answer.status == 401:  # its time is over, by the clock of this node
                self._token = (0.0, "")
            if answer is None or answer.status in {401, 503}:
                threading.Event().wait(REST_SECONDS)
                continue
            if answer.status == 200:
                self._answered.append((lane, number, time.monotonic()))
            else:
                self._refused.append(f"{answer.status} {answer.body[:300].decode(errors='replace')}")
            return

    def _post(self, port: int, body: bytes, headers: dict[str, str]) -> Answer | None:
        """The answer; None when there is none."""
        try:
            token = self._bearer(port)
            client = Client(port)
            return client("POST", "/endpoint", body, token=token, headers=headers, timeout=ANSWER_SECONDS)
        except (OSError, http.client.HTTPException):
            return None

    def _bearer(self, port: int) -> str:
        """The token that all lanes use, on every node; taken anew from this one when it is old."""
        with self._signing:
            taken_at, token = self._token
            if not token or time.monotonic() - taken_at > TOKEN_LIFE_SECONDS:
                signed = assertion.assertion(self._key, self._client_id, f"http://127.0.0.1:{port}/v2/auth/token")
                form = urlencode(assertion.form(signed)).encode()
                media_type = {"content-type": "application/x-www-form-urlencoded"}
                answer = Client(port)("POST", "/v2/auth/token", form, headers=media_type, timeout=ANSWER_SECONDS)
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
