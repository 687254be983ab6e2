"""The demo's story, driven over HTTP as an engineer would: deliver, fail, hold, PATCH, drain."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waypost.demo import messages, server
from waypost.demo.progress import Steps
from waypost.demo.receiver import Receiver, TokenServer
from waypost.demo.server import Api, DemoFailed, ServerProcess
from waypost.demo.verdict import Got, Sent, Verdict, judge

SENT_FIRST = 60
SENT_WHILE_HELD = 200
PATIENCE_SECONDS = 60
ENVIRONMENT = "Development"


@dataclass(frozen=True, slots=True)
class HeldQueue:
    """The queue as the queue list gave it while it held."""

    reason: str
    depth: int


@dataclass(slots=True)
class Report:
    """What happened, for the table at the end."""

    sent: list[Sent] = field(default_factory=list)
    held: HeldQueue = HeldQueue("", 0)
    drain_seconds: float = 0.0


class Story(AbstractContextManager["Story"]):
    """Everything the demo runs: Waypost, a token server and two receivers. `with` stops all of it."""

    def __init__(self, folder: Path, progress: Steps) -> None:
        self.data = folder / "data"
        self._log = folder / "server.log"
        self._progress = progress
        self._open = ExitStack()
        self.account = Report()

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def tell(self) -> None:
        """The whole story, once. Raises DemoFailed where something does not go as it must."""
        self._set_up()
        self._deliver()
        self._fail()
        self._hold()
        self._patch()

    @property
    def verdict(self) -> Verdict:
        """Whether everything arrived once, in order, unchanged."""
        return judge(self.account.sent, self._got())

    def token(self) -> str:
        """A fresh bearer token of the engineer."""
        return server.waypost("token", "--data", str(self.data), "--url", self.server.url).strip()

    def invitation(self) -> str:
        """A link that sets the engineer's password for the dashboard, once."""
        made = json.loads(server.waypost("users", "invite", self.email, "--data", str(self.data), "--json"))
        return str(made["invitation"]["url"])

    def _got(self) -> list[Got]:
        return [*self.first.got, *self.second.got]

    def _set_up(self) -> None:
        with self._progress.step("Waypost with an organization, and a server on the data folder"):
            made = json.loads(server.waypost("init", "--data", str(self.data), "--json"))
            self.organization_id: int = made["organization"]["id"]
            self.email: str = made["user"]["email"]
            self.environment_id: str = made["environments"][ENVIRONMENT]
            self.server = self._open.enter_context(ServerProcess(self.data, self._log))
        words = "Keys and access tokens for an engineer and for the hospital's system"
        with self._progress.step(words), ThreadPoolExecutor() as pool:
            ours, theirs = pool.submit(self.token), pool.submit(self._source_token)
            self.engineer, self.hospital = self._api(ours.result()), self._api(theirs.result())
        with self._progress.step("Two receivers, a token server; source, credential, destination, subscription"):
            self._make_receivers()
            self._make_resources()

    def _source_token(self) -> str:
        data = ("--data", str(self.data))
        key = json.loads(server.waypost("apikeys", "add", self.environment_id, *data, "--json"))["apiKey"]
        return server.waypost("token", *data, "--url", self.server.url, "--client", key["clientId"]).strip()

    def _api(self, token: str) -> Api:
        api = Api(self.server.port, token)
        self._open.callback(api.close)
        return api

    def _make_receivers(self) -> None:
        self.tokens = TokenServer()
        self._open.callback(self.tokens.close)
        self.first = Receiver("first", self.tokens, "waypost-2025", "token-of-the-first")
        self._open.callback(self.first.close)
        self.second = Receiver("second", self.tokens, "waypost-2026", "token-of-the-second")
        self._open.callback(self.second.close)

    def _make_resources(self) -> None:
        environment = f"/platform/v1/environments/{self.environment_id}"
        made = self.engineer("POST", f"{environment}/sources", {"name": "Nowhere General Hospital"})
        self.source_id: str = made["payload"]["source"]["id"]
        destination = {
            "name": "Care coordination",
            "endpoint": self.first.url,
            "authCredential": self._credential(self.first),
            "verificationToken": self.first.verification_token,
        }
        made = self.engineer("POST", f"{environment}/destinations", destination)
        self.destination_id: str = made["payload"]["destination"]["id"]
        subscription = {
            "source": {"id": self.source_id},
            "destination": {"id": self.destination_id},
            "dataModel": messages.DATA_MODEL,
        }
        self.engineer("POST", f"{environment}/subscriptions", subscription)
        self._feed: Iterator[dict[str, Any]] = messages.feed(self.source_id, self.destination_id)

    def _credential(self, receiver: Receiver) -> str:
        """An auth credential for the receiver; its secret comes from the token server."""
        body = {
            "organization": self.organization_id,
            "environmentId": self.environment_id,
            "name": f"Client {receiver.client_id}",
            "grantType": "client_credentials",
            "url": self.tokens.url,
            "clientId": receiver.client_id,
            "clientSecret": self.tokens.register(receiver.client_id),
        }
        made = self.engineer("POST", "/platform/v1/authcredentials", body)
        return str(made["payload"]["credential"]["id"])

    def _deliver(self) -> None:
        with self._progress.bar("Messages sent, and delivered to the first receiver", SENT_FIRST) as advance:
            self._send(SENT_FIRST)
            self._wait(lambda: len(self.first.got), SENT_FIRST, advance)

    def _fail(self) -> None:
        with self._progress.step("The token server revokes the client: its secret and its tokens hold no longer"):
            self.tokens.revoke(self.first.client_id)

    def _hold(self) -> None:
        with self._progress.bar("More messages sent, and accepted: the queue holds", SENT_WHILE_HELD) as advance:
            self._send(SENT_WHILE_HELD, advance)
            self._wait(lambda: self._look().depth, SENT_WHILE_HELD)
        held = self.account.held = self._look()
        if held.depth != SENT_WHILE_HELD:
            raise DemoFailed("The queue did not hold, although the destination's credential no longer works.")
        self._progress.say(f"held: {held.depth} messages. {held.reason}")

    def _patch(self) -> None:
        changed = {
            "endpoint": self.second.url,
            "authCredential": self._credential(self.second),
            "verificationToken": self.second.verification_token,
        }
        self._progress.say(f"PATCH /platform/v1/destinations/{self.destination_id}: endpoint, credential, token")
        with self._progress.bar("The queue drains to the second receiver", SENT_WHILE_HELD) as advance:
            began = time.monotonic()
            self.engineer("PATCH", f"/platform/v1/destinations/{self.destination_id}", changed)
            self._wait(lambda: len(self.second.got), SENT_WHILE_HELD, advance)
            self.account.drain_seconds = max((got.at for got in self.second.got), default=began) - began
            self._wait(lambda: -int(self._queue()["depth"]), 0)  # the last acknowledgement is written too

    def _send(self, count: int, advance: Callable[[int], None] = lambda _: None) -> None:
        """Send so many messages one after the other, each once the one before was accepted."""
        for number in range(1, count + 1):
            body = messages.encode(next(self._feed))
            answer = self.hospital("POST", "/endpoint", body)
            self.account.sent.append(Sent(answer["Meta"]["Logs"][0]["ID"], body))
            advance(number)

    def _look(self) -> HeldQueue:
        """What the queue list says while the queue is held; nothing otherwise."""
        queue = self._queue()
        return HeldQueue(queue["reason"], queue["depth"]) if queue["state"] == "held" else HeldQueue("", 0)

    def _queue(self) -> dict[str, Any]:
        found = self.engineer("GET", f"/waypost/v1/environments/{self.environment_id}/queues")
        queue: dict[str, Any] = found["payload"]["queues"][0]
        return queue

    def _wait(
        self, reached: Callable[[], int], wanted: int, advance: Callable[[int], None] = lambda _: None
    ) -> None:
        """Look until the number is reached; whoever sees fewer at the end finds them as lost."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (now := reached()) < wanted and time.monotonic() < end:
            if not self.server.is_running:
                raise DemoFailed("The server ended before the story did.")
            advance(now)
            time.sleep(0.02)
        advance(now)
