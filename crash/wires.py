"""How the campaign's senders ask: one request, and the answer to each message in it as far as it came."""

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

ANSWER_SECONDS = 10
LINES = "/waypost/v1/messages"


@dataclass(frozen=True, slots=True)
class Asked:
    """Messages of one request with its `Idempotency-Key`: one for `/endpoint`, more as lines."""

    key: str
    bodies: Sequence[bytes]

    @property
    def path(self) -> str:
        """Where it goes."""
        return "/endpoint" if len(self.bodies) == 1 else LINES

    @property
    def media_type(self) -> str:
        """Of the body."""
        return "application/json" if len(self.bodies) == 1 else "application/x-ndjson"


class Wires(AbstractContextManager["Wires"]):
    """Connections to nodes, for one thread. `kept` ones take request after request until they break."""

    def __init__(self, *, kept: bool) -> None:
        self._kept = kept
        self._idle: dict[int, http.client.HTTPConnection] = {}

    def __exit__(self, *_: object) -> None:
        for connection in self._idle.values():
            connection.close()

    def answers(self, port: int, token: str, asked: Asked) -> Iterator[tuple[int, bytes]]:
        """The status of each message and what was said to it, in order; ends early when the connection breaks."""
        connection = self._idle.pop(port, None)
        connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": asked.media_type,
            "idempotency-key": asked.key,
            "accept": "application/json",
        }
        try:
            connection.request("POST", asked.path, b"\n".join(asked.bodies), headers)
            response = connection.getresponse()
            yield from _read(response, asked)
            if self._kept and response.isclosed() and not response.will_close:
                self._idle[port] = connection
        except (OSError, http.client.HTTPException):
            pass
        finally:
            if port not in self._idle:
                connection.close()


def _read(response: http.client.HTTPResponse, asked: Asked) -> Iterator[tuple[int, bytes]]:
    if asked.path != LINES or response.status != 200:
        said = response.read()
        yield from [(response.status, said)] * len(asked.bodies)
        return
    while (line := response.readline()).endswith(b"\n"):  # half a line is no answer
        yield int(json.loads(line)["status"]), line
