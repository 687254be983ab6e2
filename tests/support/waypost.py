"""A Waypost of its own for a test: the command line on a fresh folder, and a server process to be killed.

    with Server(tmp_path) as server:                    # `waypost init`, then `waypost serve` on a free port
        destination = server.destination(endpoint=receiver.url)
        source, client = server.source(), server.client_id()
        server.subscribe(source, destination)
        server.send(client, message(destination, source, 1))

Nothing of the product is imported here but what a client would have.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlencode

from tests.support import prefork
from tests.support.serving import Answer, Client
from waypost.tokens import assertion

READY_SECONDS = 60
STOP_SECONDS = 40
COMMAND_SECONDS = 120
TOKEN_LIFE_SECONDS = 200
COMMAND = (sys.executable, "-m", "waypost")
"""From nothing, for tests of the start itself; all else is forked."""

INITS_OWN = {"WAYPOST_DATABASE_URL", "WAYPOST_MASTER_KEY_FILE"}
"""Settings that make a folder of its own kind."""

Ran = subprocess.CompletedProcess[str]


class Folder(Protocol):
    """A data folder to copy, and what `init` said of it."""

    data: Path
    made: dict[str, Any]


class Server(AbstractContextManager["Server"]):
    """A data folder under `place`, and its server. `like` copies a folder that was set up before.

    Without `like`, and with nothing else that `init` is to heed, it is a copy of the one that `founded` gives.
    `files` is how many file descriptors the server may have.
    """

    def __init__(
        self,
        place: Path,
        *args: str,
        settings: Mapping[str, str] | None = None,
        init: Sequence[str] = (),
        like: Folder | None = None,
        files: int | None = None,
    ) -> None:
        self.data = place / "data"
        self.log = place / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._args = args
        self._process: prefork.Process | None = None
        self._files = files
        self._ready = threading.Event()
        self._tokens: dict[tuple[str, ...], tuple[float, str]] = {}
        own = {"WAYPOST_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128", "WAYPOST_BASE_URL": self.url}
        self.environment = own | dict(settings or {})
        if like is None and not init and not INITS_OWN & self.environment.keys():
            like = founded()
        if like is None:
            self.made: dict[str, Any] = json.loads(self.cli("init", "--json", *init).stdout)
        else:
            shutil.copytree(like.data, self.data, ignore=shutil.ignore_patterns("*.sock", "server.json"))
            self.made = like.made
        self.environments: dict[str, str] = self.made["environments"]

    def __enter__(self) -> "Server":
        return self if self.is_running else self.start()

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.kill()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *args: str) -> "Server":
        """Start the server, with these arguments as well, and wait until it is ready."""
        self.launch(*args)
        end = time.monotonic() + READY_SECONDS
        while not self._ready.wait(0.02):
            if not self.is_running or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"the server did not get ready: {self.said()[-2000:]}")
        return self

    @property
    def is_ready(self) -> bool:
        """Whether the running process has said that it is."""
        return self._ready.is_set()

    def launch(self, *args: str) -> None:
        """Start the server and wait for nothing."""
        arguments = ["serve", "--data", str(self.data), "--port", str(self.port), *self._args, *args]
        environment = plain_environment() | self.environment
        ours, theirs = os.pipe()
        with self.log.open("ab") as log, os.fdopen(theirs, "wb") as out:
            self._process = prefork.start(arguments, environment, stdout=out, stderr=log, files=self._files)
        self._ready = threading.Event()
        threading.Thread(target=_listen, args=(os.fdopen(ours), self._ready), daemon=True).start()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        return self._end(signal.SIGTERM)

    def said(self) -> str:
        """What the server has logged."""
        return self.log.read_text() if self.log.exists() else ""

    def cli(self, *args: str, check: bool = True, settings: Mapping[str, str] | None = None) -> Ran:
        """`waypost …` on this folder; with `check`, it must succeed."""
        ran = waypost(*args, "--data", str(self.data), settings=self.environment | dict(settings or {}))
        if check and ran.returncode:
            raise AssertionError(f"waypost {' '.join(args)} exited {ran.returncode}: {ran.stderr[-2000:]}")
        return ran

    def token(self, *, user: str | None = None, client: str | None = None, fresh: bool = False) -> str:
        """A bearer token: the first user's, or the one of this user or OAuth API key."""
        whose = ("--user", user) if user else ("--client", client) if client else ()
        taken_at, token = self._tokens.get(whose, (0.0, ""))
        if fresh or not token or time.monotonic() - taken_at > TOKEN_LIFE_SECONDS:
            token = self.cli("token", *whose, "--url", self.url).stdout.strip()
            self._tokens[whose] = (time.monotonic(), token)
        return token

    def exchange(self, private_jwk: Mapping[str, Any], client_id: str) -> str:
        """A bearer token for a key that is not in the folder; empty when the server refuses."""
        signed = assertion.assertion(private_jwk, client_id, f"{self.url}/v2/auth/token")
        form = urlencode(assertion.form(signed)).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = Client(self.port)("POST", "/v2/auth/token", form, headers=headers)
        return str(answer.json.get("access_token", ""))

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call the API as the first user, as another one, or with that token."""
        bearer = self.token(user=user) if token is None else token
        return Client(self.port)(method, path, body, token=bearer, headers=headers)

    def destination(self, environment: str = "Development", **body: Any) -> dict[str, Any]:
        """A new destination; it needs at least an `endpoint`."""
        return self._create(environment, "destination", {"name": "A destination", **body})

    def source(self, environment: str = "Development") -> dict[str, Any]:
        """A new source."""
        return self._create(environment, "source", {"name": "A source"})

    def subscribe(
        self,
        source: Mapping[str, Any],
        destination: Mapping[str, Any],
        data_model: str = "PatientAdmin",
        environment: str = "Development",
    ) -> dict[str, Any]:
        """A new subscription."""
        ends = {"source": {"id": source["id"]}, "destination": {"id": destination["id"]}}
        return self._create(environment, "subscription", {**ends, "dataModel": data_model})

    def client_id(self, environment: str = "Development") -> str:
        """A new OAuth API key whose private key is in the folder."""
        made = json.loads(self.cli("apikeys", "add", self.environments[environment], "--json").stdout)
        return str(made["apiKey"]["clientId"])

    def send(self, client_id: str, sent: Any, *, headers: dict[str, str] | None = None) -> Answer:
        """Post a message to `/endpoint` with the token of that API key."""
        return self.call("POST", "/endpoint", sent, token=self.token(client=client_id), headers=headers)

    def _create(self, environment: str, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/platform/v1/environments/{self.environments[environment]}/{noun}s"
        answer = self.call("POST", path, body)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.payload[noun]
        return made

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


@cache
def founded() -> Server:
    """A folder as `waypost init` leaves it, made once a process. Look at it, but do not change it."""
    place = Path(tempfile.mkdtemp(prefix="waypost-founded-"))
    atexit.register(shutil.rmtree, place)
    return Server(place, init=["--organization", "My organization"])


def waypost(*args: str, settings: Mapping[str, str] | None = None) -> Ran:
    """Run `waypost …` with these settings alone."""
    environment = plain_environment() | dict(settings or {})
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = prefork.start(args, environment, stdout=out, stderr=err)
        try:
            status = process.wait(COMMAND_SECONDS)
        finally:
            process.send_signal(signal.SIGKILL)
        out.seek(0)
        err.seek(0)
        return Ran([*COMMAND, *args], status, out.read(), err.read())


def message(
    destination: Mapping[str, Any], source: Mapping[str, Any], number: int = 0, *, data_model: str = "PatientAdmin"
) -> dict[str, Any]:
    """A message of a patient with that number."""
    return {
        "Meta": {
            "DataModel": data_model,
            "EventType": "NewPatient",
            "EventDateTime": "2026-01-05T08:00:00.000Z",
            "Test": True,
            "Source": {"ID": source["id"]},
            "Destinations": [{"ID": destination["id"]}],
        },
        "Patient": {"Identifiers": [{"ID": f"{number:08d}", "IDType": "MR"}]},
    }


def number_of(received: Mapping[str, Any]) -> int:
    """The number that `message` was given."""
    return int(received["Patient"]["Identifiers"][0]["ID"])


def plain_environment() -> dict[str, str]:
    """This process's environment without any Waypost setting, and with a proxy that nothing may use."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    return kept | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _listen(output: IO[str], ready: threading.Event) -> None:
    """Read the server's output to its end, so that it never waits for a reader."""
    with output as lines:
        for line in lines:
            if line.startswith("Waypost is ready on "):
                ready.set()
