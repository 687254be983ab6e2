"""Runs the commands of a page as they stand there, against real servers.

    said = run(commands(PAGE, "Start", "Stop"), tmp_path, given={"http://127.0.0.1:8080": server.url})

Only what a reader puts in is replaced: addresses, ids, folders. `waypost` is the real command line, forked from a
process that has its imports (`tests/support/prefork.py`), so that a page of a dozen commands takes a second.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import prefork
from tests.support.waypost import plain_environment

ROOT = Path(__file__).parents[2]
SECONDS = 60
FORKS = sys.platform == "linux"

SHIM = """\
import json, os, signal, socket, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asked = json.dumps([os.getcwd(), sys.argv[1:], dict(os.environ)]).encode()
with socket.socket(fileno=int(os.environ["PREFORK"])) as requests, theirs:
    socket.send_fds(requests, [asked], [theirs.fileno(), 1, 2])
pid = int(ours.recv(64))
mark = os.path.join(os.path.dirname(__file__), f"{pid}.pid")
open(mark, "w").close()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.kill(pid, number))
status = int(ours.recv(64))
os.unlink(mark)
sys.exit(status if status >= 0 else 128 - status)
"""
"""`waypost` on the path of a page: asks the forking process for one, and stands for it until it ends."""


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skips where a tool is missing; on a continuous integration machine that is a failure, not a skip."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(
        bool(missing) and os.environ.get("CI") != "true", reason=f"not installed: {', '.join(missing)}"
    )


def sections(page: Path) -> dict[str, str]:
    """The text of each section of a page by its title; what stands before the first one has the title ""."""
    first, *rest = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    return {"": first} | {part.partition("\n")[0]: part.partition("\n")[2] for part in rest}


def commands(page: Path, *titles: str) -> str:
    """The commands of a page: those before its first section, and those of the sections with these titles."""
    found = sections(page)
    parts = [found.pop(""), *(found[title] for title in titles or found)]
    return "\n".join(text for part in parts for reason, text in blocks(part) if not reason)


def blocks(text: str, language: str = "sh") -> list[tuple[str, str]]:
    """The fenced blocks in a language, each with why it is not run; "" for those that are."""
    fenced = rf"(?:^<!-- not run: ([^>]+) -->\n)?^```{language}\n(.*?)^```"
    return re.findall(fenced, text, re.MULTILINE | re.DOTALL)


def run(script: str, place: Path, given: Mapping[str, str], settings: Mapping[str, str] | None = None) -> str:
    """What the commands print, with everything in `given` put in. They stop at the first one that fails."""
    for example, real in given.items():
        assert example in script, f"{example} does not stand on the page"
        script = script.replace(example, real)
    tools, requests = _tools(place), prefork.requests() if FORKS else None
    environment = {name: value for name, value in plain_environment().items() if not name.endswith("_proxy")}
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment |= {"PATH": path, "PREFORK": str(requests), **(settings or {})}
    said = place / "said"
    with said.open("w") as out:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=place, env=environment,
            start_new_session=True, pass_fds=[] if requests is None else [requests],
        )  # fmt: skip
        try:
            status = shell.wait(SECONDS)
        finally:
            _end(shell, tools)
    assert status == 0, said.read_text()[-3000:]
    return said.read_text()


def _tools(place: Path) -> Path:
    """A folder to be put on the path, with the shim in it; empty where nothing is forked."""
    folder = place / ".tools"
    folder.mkdir(exist_ok=True)
    if not FORKS:
        return folder
    shim = folder / "waypost"
    shim.write_text(f"#!{sys.executable} -SE\n{SHIM}")
    shim.chmod(0o755)
    return folder


def _end(shell: "subprocess.Popen[bytes]", tools: Path) -> None:
    """Kill the shell with all that it started, should any of it still run."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    for mark in tools.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(mark.stem), signal.SIGKILL)
