"""kill -9 of a real server under load, again and again: nothing acknowledged is lost, order holds.

A message that was on its way when the server died may arrive twice: at most one for each queue and kill.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.receiver import Receiver, answer
from tests.support.serving import Client
from tests.support.waiting import until
from tests.support.waypost import Server, message, number_of

KILLS = 10
LANES = 3
BETWEEN_KILLS = 25
"""So many more messages must have arrived before the next kill."""
AHEAD = 40
SECONDS = 60


class Sender:
    """Sends messages one after the other to one destination, through every death of the server.

    It has one token from before the first kill. What gets no answer is sent again under the same
    `Idempotency-Key`, so that its fate is known in the end. Every sender uses the same keys: they are its own.
    """

    def __init__(self, server: Server, receiver: Receiver) -> None:
        self.receiver = receiver
        self.acknowledged: list[int] = []
        self.log_ids: list[str] = []
        self.unexpected: list[bytes] = []
        destination, source = server.destination(endpoint=receiver.url), server.source()
        server.subscribe(source, destination)
        self._ends = destination, source
        self._token = server.token(client=server.client_id())
        self._client = Client(server.port)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send_until_over, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join(SECONDS)

    def arrived(self) -> list[int]:
        return [number_of(body) for body in self.receiver.bodies()]

    def _send_until_over(self) -> None:
        number = 0
        while not self._over.is_set():
            self._send(number)
            if number >= AHEAD:  # a backlog, but not one that takes minutes to drain
                self.receiver.wait(number - AHEAD, SECONDS)
            number += 1

    def _send(self, number: int) -> None:
        """One message, until it is answered."""
        body, headers = message(*self._ends, number), {"idempotency-key": f"message {number}"}
        while True:
            try:
                found = self._client("POST", "/endpoint", body, token=self._token, headers=headers, timeout=10)
            except (OSError, http.client.HTTPException):
                self._over.wait(0.02)
                continue
            if found.status == 200:
                self.acknowledged.append(number)
                self.log_ids.append(found.json["Meta"]["Logs"][0]["ID"])
            else:
                self.unexpected.append(found.body)
            return


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    with ExitStack() as stack:
        made = [stack.enter_context(Receiver()) for _ in range(LANES)]
        for receiver in made:
            receiver.behave(answer(200, delay=0.003))  # so that a kill often meets an attempt in flight
        yield made


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, receivers: list[Receiver]) -> None:
    with Server(tmp_path) as server:
        user_token = server.token()
        senders = [Sender(server, receiver) for receiver in receivers]
        for kill in range(1, KILLS + 1):
            for sender in senders:
                sender.receiver.wait(kill * BETWEEN_KILLS, SECONDS)
            server.kill()
            server.start()
        assert server.call("GET", "/platform/v1/organizations", token=user_token).status == 200
        for sender in senders:
            sender.end()
        for sender in senders:
            verify(sender)
        server.stop()
        assert server.cli("check").returncode == 0


def verify(sender: Sender) -> None:
    """What was acknowledged has arrived, in order, with at most one repeat for each kill."""
    last = sender.acknowledged[-1]
    until(lambda: last in sender.arrived(), f"message {last}'s arrival", seconds=SECONDS)
    arrived = sender.arrived()
    assert sender.unexpected == []
    assert list(dict.fromkeys(arrived)) == sender.acknowledged == list(range(last + 1))
    repeats = Counter(arrived) - Counter(set(arrived))
    assert sum(repeats.values()) <= KILLS
    logs = [body["Meta"]["Logs"][0]["ID"] for body in sender.receiver.bodies()]
    assert list(dict.fromkeys(logs)) == sender.log_ids
