"""A test run that is killed leaves no server behind, whatever limits that server had."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.waiting import until
from tests.support.waypost import founded

ROOT = Path(__file__).parents[1]
RUN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.support.waypost import Server

like = SimpleNamespace(data=Path(sys.argv[2]), made={"environments": {}})
for files in (None, 64):
    place = Path(sys.argv[1]) / str(files)
    place.mkdir()
    server = Server(place, files=files, like=like)
    server.launch()
    print(server.pid, flush=True)
sys.stdin.read()
"""


def test_servers_end_with_the_run_that_started_them(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), str(founded().data)], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with run:
        assert run.stdout is not None
        servers = [int(run.stdout.readline()) for _ in range(2)]
        assert all(map(_runs, servers))
        run.kill()
    until(lambda: not any(map(_runs, servers)))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
