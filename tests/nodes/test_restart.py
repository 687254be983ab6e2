"""PostgreSQL goes away under load and comes back."""

import signal
from contextlib import ExitStack
from pathlib import Path

from tests.nodes.test_nodes import Load, verdict
from tests.support.nodes import nodes
from tests.support.postgresql import SAFE, Postgresql
from tests.support.receiver import Receiver
from tests.support.serving import Client
from tests.support.waiting import until


def test_while_postgresql_is_away_it_is_503_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    place = tmp_path / "postgresql"
    place.mkdir()
    server = Postgresql(place, *SAFE).start()
    with ExitStack() as stack:
        stack.callback(server.stop, signal.SIGQUIT)
        node = nodes(server.url("postgres"), tmp_path, stack)
        api = node("all")
        receiver = stack.enter_context(Receiver())
        with Load([api], 8, receiver) as load:
            receiver.wait(20)
            server.stop(signal.SIGQUIT)
            until(lambda: load.refused, "a refusal")
            until(lambda: Client(api.port)("GET", "/health/ready").status == 503, "being unready")
            server.start()
            until(lambda: Client(api.port)("GET", "/health/ready").status == 200, "being ready again")
            again = len(load.accepted)
            until(lambda: len(load.accepted) > again + 20, "accepting again")
        assert {answer.status for answer in load.refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in load.refused)
        verdict(load, receiver, most_repeats=8)
        assert api.stop() == 0
