"""The clock of a node under torture is really moved: without that, a trial of clocks would try nothing."""

from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.support.waiting import until
from tests.support.waypost import Server
from torture import nodes
from torture.clock import HOUR, SharedClock


def test_a_node_goes_by_the_clock_that_it_is_given(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    with ExitStack() as stack:
        [server] = nodes.one(tmp_path, stack, clock.environment).servers
        before = _time_of(server)
        clock.move(2 * HOUR)
        until(lambda: _time_of(server) - before >= 2 * HOUR)


def _time_of(server: Server) -> float:
    return parsedate_to_datetime(server.call("GET", "/health/live", token="").headers["date"]).timestamp()
