"""Prism as a yardstick: a mock server that answers any call which our OpenAPI document describes."""

import http.client
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import npm
from bench.processes import BenchFailed
from servers.postgresql import free_port
from waypost.demo.progress import Steps

FOLDER = Path(__file__).with_name("prism")
PACKAGE = "@stoplight/prism-cli"
VERSION = npm.version(FOLDER, PACKAGE)
READY_SECONDS = 60


def install(progress: Steps) -> str:
    """Have it here. The empty string, or why it cannot be."""
    with progress.step("Installing Prism"):
        return npm.install(FOLDER)


@contextmanager
def serving(ours: int, place: Path) -> Iterator[int]:
    """Prism serving the document of the server on that port; the port that it listens on. Raises BenchFailed."""
    document, log, port = place / "openapi.json", place / "prism.log", free_port()
    document.write_bytes(_get(ours, "/openapi.json"))
    command = ["node", str(FOLDER / "node_modules" / PACKAGE / "dist" / "index.js"), "mock"]
    command += ["-h", "127.0.0.1", "-p", str(port), "--verboseLevel", "silent", str(document)]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)  # noqa: S603
    try:
        _wait(process, port, log)
        yield port
    finally:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            _get(port, "/health/live")
            return
        time.sleep(0.05)
    raise BenchFailed(f"Prism did not get ready. {log.read_text(errors='replace').strip()[-600:]}")


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
