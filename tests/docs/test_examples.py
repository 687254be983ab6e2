"""Everything in examples/, run against a real server: clients, receivers, jobs for continuous integration."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.receiver import Receiver, Request
from tests.support.serving import Client
from tests.support.shell import ROOT, needs, run
from tests.support.waiting import until
from tests.support.waypost import Server, free_port

EXAMPLES = ROOT / "examples"
TOKEN = "the-token"

CLIENTS = {
    "curl": (f"sh {EXAMPLES}/curl/send.sh", f"sh {EXAMPLES}/curl/change.sh"),
    "python": tuple(
        f'python3 {EXAMPLES}/python/client.py {verb} "$DESTINATION_ID"' for verb in ("send", "change")
    ),
    "node": tuple(f'node {EXAMPLES}/node/client.mjs {verb} "$DESTINATION_ID"' for verb in ("send", "change")),
}
RECEIVERS = {
    "python": ["python3", str(EXAMPLES / "python" / "receive.py")],
    "node": ["node", str(EXAMPLES / "node" / "receive.mjs")],
}
INSTALL = ".waypost"
"""In the lines of the jobs that are not run: Waypost is here, and they would get it from a package index."""

pytestmark = needs("curl", "openssl", "node")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a single source, so that a message need not name it."""
    with Server(tmp_path_factory.mktemp("examples")) as made:
        yield made


@pytest.fixture(scope="module")
def keys(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A key of each sort, whose public half `make-key.sh` has made: client ids, and where the private half is."""
    place = tmp_path_factory.mktemp("keys")
    run(f"sh {EXAMPLES}/make-key.sh private.pem > jwks.json", place, {})
    jwks = json.loads((place / "jwks.json").read_text())
    path = f"/platform/v1/environments/{server.environments['Development']}/apikeys"
    source = server.call("POST", path, {"name": "Example", "jwkSet": jwks}).payload["apikey"]["id"]
    ran = server.cli("users", "keys", "add", "owner@example.org", "--jwks", str(place / "jwks.json"), "--json")
    user = json.loads(ran.stdout)["apiKey"]["clientId"]
    return {"source": source, "user": user, "private": str(place / "private.pem")}


def subscribed(server: Server, endpoint: str) -> dict[str, Any]:
    """A destination with a token, to which the one source of the environment may send."""
    path = f"/platform/v1/environments/{server.environments['Development']}/sources"
    sources = server.call("GET", path).payload["sources"]
    destination = server.destination(endpoint=endpoint, verificationToken=TOKEN)
    server.subscribe(sources[0] if sources else server.source(), destination)
    return destination


@pytest.mark.parametrize("language", CLIENTS)
def test_a_client_sends_and_changes_a_destination(
    server: Server, keys: dict[str, str], receiver: Receiver, tmp_path: Path, language: str
) -> None:
    destination = subscribed(server, receiver.url)
    send, change = CLIENTS[language]
    new = f"{receiver.url}new"
    common = {"WAYPOST_URL": server.url, "PRIVATE_KEY": keys["private"], "DESTINATION_ID": destination["id"]}

    run(send, tmp_path, {}, {**common, "CLIENT_ID": keys["source"]})
    receiver.wait(1)
    argument = "" if language == "curl" else ' "$NEW_ENDPOINT"'
    run(change + argument, tmp_path, {}, {**common, "CLIENT_ID": keys["user"], "NEW_ENDPOINT": new})
    run(send, tmp_path, {}, {**common, "CLIENT_ID": keys["source"]})

    assert [request.target for request in receiver.wait(2)] == ["/", "/new"]


@dataclass(frozen=True)
class Signed:
    """A delivery as it came, and what it was signed with."""

    destination_id: str
    secret: str
    request: Request

    @property
    def log_id(self) -> str:
        return str(self.request.json["Meta"]["Logs"][0]["ID"])

    def to(self, port: int, body: bytes | None = None) -> int:
        """Send the very same request there, or its headers with another body; the status."""
        kept = {name: value for name, value in self.request.headers.items() if name != "content-length"}
        return Client(port)("POST", "/", self.request.body if body is None else body, headers=kept).status


@pytest.fixture(scope="module")
def delivery(server: Server, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Signed:
    with Receiver() as receiver:
        destination = subscribed(server, receiver.url)
        path = f"/platform/v1/destinations/{destination['id']}/changeWebhookSigningSecret"
        secret = server.call("POST", path).payload["secret"]
        settings = {"WAYPOST_URL": server.url, "DESTINATION_ID": destination["id"], "CLIENT_ID": keys["source"]}
        place = tmp_path_factory.mktemp("delivery")
        run(CLIENTS["python"][0], place, {}, settings | {"PRIVATE_KEY": keys["private"]})
        return Signed(destination["id"], secret, receiver.wait(1)[0])


@contextmanager
def receiving(language: str, secret: str, place: Path) -> Iterator[tuple[int, Path]]:
    """The example's receiver as a process: its port, and the file that it prints to."""
    port, said = free_port(), place / "received"
    environment = os.environ | {"VERIFICATION_TOKEN": TOKEN, "SIGNING_SECRET": secret}
    with said.open("w") as out:
        process = subprocess.Popen(
            [*RECEIVERS[language], str(port)], env=environment, cwd=place, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            until(lambda: is_up(port), "the receiver")
            yield port, said
        finally:
            process.kill()
            process.wait()


def is_up(port: int) -> bool:
    try:
        return Client(port)("GET", "/").status == 401
    except OSError:
        return False


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_shakes_hands_and_takes_what_is_waypost_s_once(
    server: Server, delivery: Signed, tmp_path: Path, language: str
) -> None:
    with receiving(language, delivery.secret, tmp_path) as (port, said):
        for method in ("POST", "GET"):
            body = {"endpoint": f"http://127.0.0.1:{port}/", "verificationMethod": method}
            verified = server.call("POST", f"/platform/v1/destinations/{delivery.destination_id}/verify", body)
            assert verified.status == 200, verified.body

        assert delivery.to(port, delivery.request.body.replace(b"0000000001", b"0000000002")) == 401
        assert said.read_text() == ""
        assert [delivery.to(port), delivery.to(port)] == [200, 200]
        assert said.read_text() == f"taken {delivery.log_id}\nseen before {delivery.log_id}\n"


def test_openssl_can_tell_who_signed_a_delivery(delivery: Signed, tmp_path: Path) -> None:
    headers = (delivery.request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    words = " ".join(f"'{value}'" for value in headers)
    (tmp_path / "body.json").write_bytes(delivery.request.body)
    (tmp_path / "other.json").write_bytes(delivery.request.body + b" ")
    verify = f"sh {EXAMPLES}/curl/verify.sh"

    said = run(
        f"{verify} body.json {words}; ! {verify} other.json {words}",
        tmp_path, {}, {"SIGNING_SECRET": delivery.secret},
    )  # fmt: skip

    assert said == "It is signed by Waypost.\nIt is NOT signed with this secret.\n"


def steps(job: str) -> list[tuple[dict[str, str], str]]:
    """The commands of a job with the variables that hold for them, without those that install Waypost."""
    read = yaml.safe_load((EXAMPLES / "ci" / job).read_text())
    if job == "github-actions.yml":
        parts = read["jobs"]["integration"]["steps"]
        found = [(step.get("env", {}), step["run"]) for step in parts if "run" in step]
    else:
        parts = read["integration"]
        found = [(parts["variables"], line) for line in [*parts["before_script"], *parts["script"]]]
    return [(variables, text) for variables, text in found if INSTALL not in text]


@pytest.mark.parametrize("job", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_job_runs_from_start_to_stop(receiver: Receiver, tmp_path: Path, job: str) -> None:
    (tmp_path / "waypost").symlink_to(ROOT)
    port = str(free_port())
    script = "\n".join(
        "\n".join([*(f"export {name}={value}" for name, value in variables.items()), text])
        for variables, text in steps(job)
    )

    run(script, tmp_path, {"8080": port}, {"WAYPOST_PORT": port, "RECEIVER_URL": f"{receiver.url}redox"})

    (request,) = receiver.requests
    assert (request.target, request.headers["verification-token"]) == ("/redox", "a-token")
    assert not (tmp_path / "waypost-data").exists()
