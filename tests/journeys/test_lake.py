"""The story of a lake: messages become blobs, the account key is revoked, a change drains the queue through kills.

On Azurite. A reader lists the prefix again and again and remembers names, as Databricks Auto Loader does.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulators import Azurite, needs_node
from tests.support.gate import passed
from tests.support.receiver import Receiver, Reply, Request, reset
from tests.support.serving import Client
from tests.support.waiting import until
from tests.support.waypost import Server, message

CONTAINER, PREFIX = "inbox", "adt/"
KILLS = 2
FIRST, HELD, MORE = 20, 40, 40
SECONDS = 60


class Gate(AbstractContextManager["Gate"]):
    """Stands before Azurite; on demand the next blob is stored, but its answer waits for the server's death."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stored = threading.Event()
        self.killed = threading.Event()
        self._armed = False
        self.receiver = Receiver(self._pass)

    def __exit__(self, *_: object) -> None:
        self.killed.set()
        self.receiver.close()

    def arm(self) -> None:
        self.stored.clear()
        self.killed.clear()
        self._armed = True

    def _pass(self, request: Request) -> Reply:
        status, reply = passed(self.port, request)
        if not self._armed or status != 201:
            return reply
        self._armed = False
        self.stored.set()
        self.killed.wait(SECONDS)
        return reset()


class Reader(AbstractContextManager["Reader"]):
    """Lists the prefix for ever; `seen` has every name in the order in which it first met them."""

    def __init__(self, azure: Azurite) -> None:
        self.azure = azure
        self.seen: list[str] = []
        self.lists = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(SECONDS)

    def _read(self) -> None:
        known: set[str] = set()
        while not self._over.wait(0.05):
            try:
                names = self.azure.names(CONTAINER, PREFIX)
            except (OSError, http.client.HTTPException, AssertionError):
                continue  # Azurite is being given its new key
            self.seen += [name for name in names if name not in known]
            known.update(names)
            self.lists += 1


class Feed:
    """A source and a lake, and a sender that goes on through every death of the server."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        settings = {"containerName": CONTAINER, "storageAccountName": Azurite.account, "fileNamePrefix": PREFIX}
        cloud = {"typeId": "azure", "productId": "databricks", "settings": settings}
        self.lake = server.destination(authCredential=self.credential(key), cloudProviderSettings=cloud)
        self.source = server.source()
        self.subscription = server.subscribe(self.source, self.lake)["id"]
        self.log_ids: list[str] = []
        self._token = server.token(client=server.client_id())
        self._user = server.token()

    def credential(self, key: str) -> str:
        body = {
            "name": "Keys", "environmentId": self.server.environments["Development"],
            "authStrategy": "AzureSharedKey", "accountKey": key,
        }  # fmt: skip
        made = self.server.call("POST", "/platform/v1/authcredentials", body)
        assert made.status == 201, made.body
        return str(made.payload["credential"]["id"])

    def send(self, count: int) -> None:
        client = Client(self.server.port)
        for number in range(len(self.log_ids), len(self.log_ids) + count):
            body, headers = message(self.lake, self.source, number), {"idempotency-key": f"message {number}"}
            # The defaults bind the values of this turn of the loop; mypy does not take such a lambda.
            sent = until(lambda b=body, h=headers: self._sent(client, b, h), seconds=SECONDS)  # type: ignore[misc]
            self.log_ids.append(sent)

    def queue(self) -> dict[str, Any]:
        path = f"/waypost/v1/queues/{self.subscription}"
        found: dict[str, Any] = self.server.call("GET", path, token=self._user).payload["queue"]
        return found

    def next_name(self) -> str:
        """The name that the next message's blob will have, up to the log id."""
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        return f"{PREFIX}PatientAdmin/{self.subscription}/{day}/{len(self.log_ids) + 1:020}-"

    def _sent(self, client: Client, body: Any, headers: dict[str, str]) -> str:
        try:
            found = client("POST", "/endpoint", body, token=self._token, headers=headers, timeout=10)
        except (OSError, http.client.HTTPException):
            return ""
        assert found.status == 200, found.body
        return str(found.json["Meta"]["Logs"][0]["ID"])


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azurite]:
    needs_node()
    with Azurite(tmp_path / "azurite") as started:
        started.make(CONTAINER)
        yield started


def test_every_message_is_in_the_lake_once_through_a_revoked_key_and_kills(tmp_path: Path, azure: Azurite) -> None:
    with Gate(azure.port) as gate, Reader(azure) as reader:
        settings = {
            "WAYPOST_AZURE_BLOB_URL": f"{gate.receiver.url}{{account}}",
            "WAYPOST_RETRY_SCHEDULE": "0,0.2,0.5",
        }
        with Server(tmp_path, settings=settings) as server:
            feed = Feed(server, azure.key)
            feed.send(FIRST)
            until(lambda: len(azure.names(CONTAINER)) == FIRST, "the first blobs", seconds=SECONDS)
            revoke(azure)
            half_made = feed.next_name()
            feed.send(HELD)
            azure.begin(CONTAINER, half_made + feed.log_ids[FIRST] + ".json", b'{"half":')
            until(lambda: feed.queue()["state"] == "held")
            held = feed.queue()
            assert (held["depth"], held["lastStatus"]) == (HELD, 403)
            assert "the account key is wrong or was replaced" in held["reason"]
            assert len(azure.names(CONTAINER)) == FIRST
            gate.arm()
            path, change = (
                f"/platform/v1/destinations/{feed.lake['id']}",
                {"authCredential": feed.credential(azure.key)},
            )
            assert server.call("PATCH", path, change).status == 200
            sender = threading.Thread(target=feed.send, args=(MORE,), daemon=True)
            sender.start()
            for _ in range(KILLS):
                assert gate.stored.wait(SECONDS)
                server.kill()
                gate.killed.set()
                gate.arm()
                server.start()
            assert gate.stored.wait(SECONDS)
            gate.killed.set()  # this time the answer alone is lost
            sender.join(SECONDS)
            until(lambda: feed.queue()["depth"] == 0, "the draining", seconds=SECONDS)
            server.stop()
            look(feed, azure, reader)
            said = server.said()
            assert "queue.held" in said
            assert azure.key not in said
            assert server.cli("check").returncode == 0


def revoke(azure: Azurite) -> None:
    """The account gets another key."""
    before = azure.key
    azure.stop()
    azure.key = Azurite(azure.folder).key
    assert azure.key != before
    azure.__enter__()


def look(feed: Feed, azure: Azurite, reader: Reader) -> None:
    """Each message is there once, whole, in the order of the names; and the reader met each name once."""
    assert len(feed.log_ids) == FIRST + HELD + MORE
    blobs = azure.objects(CONTAINER)
    in_order = sorted(blobs)
    assert [blobs[name].metadata["logid"] for name in in_order] == feed.log_ids
    assert [blobs[name].metadata["sequence"] for name in in_order] == [str(n + 1) for n in range(len(blobs))]
    for stored in blobs.values():
        assert int(stored.metadata["length"]) == len(stored.body)
    until(lambda: len(reader.seen) >= len(blobs))
    assert sorted(reader.seen) == in_order
    assert reader.lists > 10
