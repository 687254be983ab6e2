"""Waypost as the demo meets it: the `waypost` command, a server process of its own, and HTTP. Nothing inside."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

READY_SECONDS = 30
STOP_SECONDS = 40


class DemoFailed(Exception):
    """Something did not go as the demo needs it to; the text says what."""


def environment() -> dict[str, str]:
    """The environment of the demo's processes: no Waypost setting but the one for receivers on loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    return kept | {"WAYPOST_ALLOWED_NETWORKS": "127.0.0.0/8"}


def waypost(*arguments: str, **settings: str) -> str:
    """What the command prints, with such settings beside. Raises DemoFailed with its words."""
    command = [sys.executable, "-m", "waypost", *arguments]
    # Only our own words and made-up ids are put into the command.
    ran = subprocess.run(command, capture_output=True, text=True, env=environment() | settings, timeout=60)  # noqa: S603
    if ran.returncode:
        raise DemoFailed(f"`waypost {arguments[0]}` ended with {ran.returncode}: {ran.stderr.strip()[-600:]}")
    return ran.stdout


class ServerProcess(AbstractContextManager["ServerProcess"]):
    """`waypost serve` on a data folder and a free port; `with` starts and stops it."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "ServerProcess":
        command = [sys.executable, "-m", "waypost", "serve", "--data", str(self._folder), "--port", str(self.port)]
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops the server.
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment(), start_new_session=True
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def _wait_until_ready(self, process: "subprocess.Popen[str]") -> None:
        ready = threading.Event()
        reader = threading.Thread(target=_listen, args=(process.stdout, ready), daemon=True)
        reader.start()
        end = time.monotonic() + READY_SECONDS
        while not ready.wait(0.02):
            if process.poll() is not None or time.monotonic() > end:
                said = self._log.read_text(errors="replace").strip()[-600:]
                raise DemoFailed(f"`waypost serve` did not get ready. {said}")


class Api:
    """Calls the server as a client would, over one kept connection. One thread at a time."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"authorization": f"Bearer {token}", "accept": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; a body that is not bytes goes as JSON. Raises DemoFailed for anything but a 2xx."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"content-type": "application/json"})
        try:
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoFailed(f"{method} {path}: no answer ({type(error).__name__}).") from error
        if not 200 <= answer.status < 300:
            raise DemoFailed(f"{method} {path} answered {answer.status}: {said.decode(errors='replace')[:600]}")
        return json.loads(said)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def _listen(stdout: IO[str] | None, ready: threading.Event) -> None:
    """Read the server's output to its end, so that it never waits for a reader."""
    for line in stdout or ():
        if line.startswith("Waypost is ready on "):
            ready.set()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
