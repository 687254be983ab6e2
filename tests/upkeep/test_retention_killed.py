"""A server that is killed while it purges and delivers: nothing that waited is lost, and the ledger adds up."""

import json
from pathlib import Path

from tests.support.receiver import Receiver, Reply, Request, answer
from tests.support.waiting import until
from tests.support.waypost import Server, message, number_of

TERM = {"WAYPOST_RETENTION_DAYS": "0.00001", "WAYPOST_RETRY_SCHEDULE": "0.1"}  # less than a second
KILLS = 2
A_ROUND = 20


def test_a_server_killed_while_it_purges_leaves_everything_consistent(tmp_path: Path) -> None:
    """One queue is held all the time; the other goes on, and what it has delivered is purged at once."""

    def never(_: Request) -> Reply:
        return answer(500)

    with Receiver() as well, Receiver() as ill, Server(tmp_path, settings=TERM) as server:
        ill.behave(never)
        source, client = server.source(), server.client_id()
        ends = [server.destination(endpoint=receiver.url) for receiver in (well, ill)]
        queues = [server.subscribe(source, end)["id"] for end in ends]
        assert server.send(client, message(ends[1], source, 0)).status == 200
        for kill in range(KILLS):
            for number in range(A_ROUND):
                assert server.send(client, message(ends[0], source, kill * A_ROUND + number)).status == 200
            # The default binds the number of this turn of the loop; mypy does not take such a lambda.
            until(lambda seen=kill: server.said().count("retention.passed") > seen, "a pass")  # type: ignore[misc]
            server.kill()
            report = json.loads(server.cli("check", "--json").stdout)
            assert report["ok"], report
            server.start()
        until(lambda: server.call("GET", f"/waypost/v1/queues/{queues[0]}").payload["queue"]["depth"] == 0)
        held = server.call("GET", f"/waypost/v1/queues/{queues[1]}").payload["queue"]
        ledger = server.call(
            "GET", f"/waypost/v1/environments/{server.environments['Development']}/ledger"
        ).payload["ledger"]
    assert (held["depth"], held["state"]) == (1, "held")
    assert {number_of(request.json) for request in well.requests} == set(range(KILLS * A_ROUND))
    assert len(well.requests) <= KILLS * A_ROUND + KILLS
    assert (ledger["accepted"], ledger["delivered"], ledger["pending"]) == (
        KILLS * A_ROUND + 1,
        KILLS * A_ROUND,
        1,
    )
