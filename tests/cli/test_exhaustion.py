"""A server with few file descriptors, and more connections than it can have."""

import http.client
import json
from contextlib import ExitStack

from tests.cli.conftest import Copy
from tests.support import wire
from tests.support.receiver import Receiver
from tests.support.waiting import until
from tests.support.waypost import Server, message

FILES = 128
CROWD = 200


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


def _is_full(server: Server) -> bool:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return [said.status for said in wire.exchange(server.port, request)] == [503]
