"""A server with few file descriptors, and more connections than it can have."""

import http.client
import json
from contextlib import ExitStack
from typing import Any

from tests.cli.conftest import Copy
from tests.support import wire
from tests.support.hanging import Hanging
from tests.support.receiver import Receiver
from tests.support.waiting import until
from tests.support.waypost import Server, message

FILES = 128
CROWD = 200
FEW = 64
SOON = {"WAYPOST_RETRY_SCHEDULE": "0.5"}
RECEIVERS = 45
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NONE_LEFT = "this process has no file descriptors left"


def test_a_crowd_takes_no_descriptors_from_the_store_or_from_deliveries(copy: Copy) -> None:
    with Receiver() as receiver, copy(files=FILES) as server, ExitStack() as opened:
        destination = server.destination(endpoint=receiver.url)
        source, client = server.source(), server.client_id()
        server.subscribe(source, destination)
        token = server.token(client=client)
        before = http.client.HTTPConnection("127.0.0.1", server.port, timeout=wire.SECONDS)
        opened.callback(before.close)
        before.request("GET", "/health/ready")
        before.getresponse().read()

        for _ in range(CROWD):
            opened.enter_context(wire.connected(server.port))
        until(lambda: _is_full(server))
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        before.request("POST", "/endpoint", json.dumps(message(destination, source, 1)), headers)
        assert before.getresponse().read()
        until(lambda: len(receiver.requests) == 1)

        opened.close()
        until(lambda: not _is_full(server))
        assert server.call("GET", "/health/ready").status == 200
        said = [json.loads(line) for line in server.said().splitlines() if '"server.full"' in line]
        assert [line["connections"] for line in said] == [FILES // 2]
        assert server.stop() == 0


def test_a_server_without_descriptors_comes_back_by_itself_and_loses_nothing(copy: Copy) -> None:
    """Receivers that hang hold all there are: nobody new gets in, and nothing more goes out, until they answer."""
    with Hanging() as receiver, copy(files=FEW, settings=SOON) as server, ExitStack() as opened:
        source, client = server.source(), server.client_id()
        destinations = [server.destination(endpoint=receiver.url) for _ in range(RECEIVERS)]
        for destination in destinations:
            server.subscribe(source, destination)
        environment = server.environments["Development"]
        inside = Kept(server, server.token(), server.token(client=client))
        opened.callback(inside.close)
        receiver.hang()
        sent = message(destinations[0], source, 1)
        sent["Meta"]["Destinations"] = [{"ID": each["id"]} for each in destinations]
        assert len(inside.send(sent)["Meta"]["Logs"]) == RECEIVERS

        queues = f"/waypost/v1/environments/{environment}/queues?state=held"
        until(lambda: NONE_LEFT in json.dumps(inside.get(queues)))
        assert wire.exchange(server.port, LIVE) == []  # hung up on, at once
        assert inside.get("/health/ready") is None

        receiver.let_go()
        until(lambda: [said.status for said in wire.exchange(server.port, LIVE)] == [200])
        until(lambda: inside.get(queues)["payload"]["queues"] == [])
        ledger = inside.get(f"/waypost/v1/environments/{environment}/ledger")["payload"]["ledger"]
        assert (ledger["accepted"], ledger["delivered"], receiver.received) == (RECEIVERS, RECEIVERS, RECEIVERS)
        assert server.stop() == 0


class Kept:
    """One connection that was there before."""

    def __init__(self, server: Server, user: str, source: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=wire.SECONDS)
        self._user, self._source = user, source
        self.close = self._connection.close
        self.get("/health/ready")

    def get(self, path: str) -> Any:
        self._connection.request("GET", path, headers={"authorization": f"Bearer {self._user}"})
        got = self._connection.getresponse()
        data = got.read()
        assert got.status == 200, data
        return json.loads(data) if data.startswith(b"{") else None

    def send(self, sent: Any) -> Any:
        headers = {"authorization": f"Bearer {self._source}", "content-type": "application/json"}
        self._connection.request("POST", "/endpoint", json.dumps(sent), headers)
        got = self._connection.getresponse()
        data = got.read()
        assert got.status == 200, data
        return json.loads(data)


def _is_full(server: Server) -> bool:
    return [said.status for said in wire.exchange(server.port, LIVE)] == [503]
