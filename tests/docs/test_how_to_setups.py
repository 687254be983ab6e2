"""The commands of the pages that set something up: lakes, nodes, proxies, engines, keys, backups."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgresql
from tests.support.emulators import Azurite, needs_node
from tests.support.gate import passed
from tests.support.receiver import Receiver, Reply, Request
from tests.support.shell import ROOT, blocks, commands, needs, run
from tests.support.waypost import Server, free_port

HOW_TO = ROOT / "docs" / "how-to"
LAKE = HOW_TO / "deliver-to-azure-databricks.md"
NODES = HOW_TO / "run-on-postgresql.md"
PROXY = HOW_TO / "run-behind-a-proxy.md"
KEYS = HOW_TO / "rotate-keys.md"
ENGINE = HOW_TO / "put-an-hl7-engine-in-front.md"
WEBHOOKS = HOW_TO / "move-from-hand-made-webhooks.md"
BACKUP = HOW_TO / "back-up-and-restore.md"
EGRESS = HOW_TO / "limit-where-waypost-may-call.md"
QUOTAS = HOW_TO / "limit-what-an-environment-may-take.md"
SIGN_IN = HOW_TO / "sign-in-to-the-dashboard.md"

URL = "http://127.0.0.1:8080"
ENVIRONMENT = "3f0a7f0e-4a0c-4b6e-9a55-0f6f4c1c2d10"
DESTINATION = "497f6eca-6276-4993-bfeb-53cbbbba6f08"

pytestmark = needs("curl")


def settings(server: Server) -> dict[str, str]:
    return server.environment | {"WAYPOST_DATA": str(server.data)}


def given(server: Server, environment: str = "Development") -> dict[str, str]:
    return {URL: server.url, ENVIRONMENT: server.environments[environment]}


@pytest.fixture
def database() -> Iterator[str]:
    server = postgresql.shared()
    url = asyncio.run(server.database(empty=True))
    yield url
    asyncio.run(server.drop(url))


def test_sample_messages_become_files_in_the_lake(tmp_path: Path) -> None:
    needs_node()
    with Azurite(tmp_path / "azurite") as azure:
        azure.make("inbox")
        lake = {"WAYPOST_AZURE_BLOB_URL": f"http://127.0.0.1:{azure.port}/{{account}}"}
        with Server(tmp_path, settings=lake) as server:
            put_in = {"dGhlLWFjY291bnQta2V5": azure.key, "ehrlake": azure.account}

            said = run(commands(LAKE), tmp_path, given(server) | put_in, settings(server))

        assert '"verificationStatus": "verified"' in said
        assert len([name for name in azure.names("inbox", "adt/") if name.endswith(".json")]) == 14


@pytest.fixture
def made_by_the_page() -> Iterator[str]:
    """The URL of the database that the page has one make, with the role that it has own it."""
    server, name = postgresql.shared(), f"waypost_{os.getpid()}"
    (block,) = [text for _, text in blocks(NODES.read_text(), "sql")]
    for line in block.splitlines():
        asyncio.run(postgresql.statement(server.url("postgres"), line.replace(" waypost", f" {name}")))
    url = f"postgresql://{name}:SECRET@127.0.0.1:{server.port}/{name}"
    yield url
    asyncio.run(server.drop(url))
    asyncio.run(postgresql.statement(server.url("postgres"), f"DROP ROLE {name}"))


def test_four_nodes_share_a_database(tmp_path: Path, made_by_the_page: str) -> None:
    ports = {str(port): str(free_port()) for port in range(8080, 8084)}
    put_in = {
        "postgresql://waypost:SECRET@db.example.org:5432/waypost": made_by_the_page,
        "/etc/waypost": str(tmp_path), "/var/lib": str(tmp_path), **ports,
    }  # fmt: skip

    said = run(commands(NODES), tmp_path, put_in)

    assert '"name": "My organization"' in said
    assert "waypost_queues{" in said


def test_the_clients_address_comes_through_a_trusted_proxy_alone(tmp_path: Path) -> None:
    port = free_port()

    def forward(request: Request) -> Reply:
        claims = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
        request.headers.update(claims)
        return passed(port, request)[1]

    with Receiver(forward) as proxy:
        public = f"http://127.0.0.1:{proxy.port}"
        put_in = {"https://waypost.example.org": public, "8080": str(port)}
        look = f"""
            curl --silent --output through --write-out '%{{http_code}}' {public}/metrics
            curl --silent --output direct --write-out ' %{{http_code}}' http://127.0.0.1:{port}/metrics
            kill %1 && wait %1
        """

        said = run(f"waypost init > init.txt\n{commands(PROXY)}\n{look}", tmp_path, put_in)

    assert '"name": "My organization"' in said
    assert said.endswith("401 200")


def test_the_snippets_for_proxies_can_be_read(tmp_path: Path) -> None:
    page = PROXY.read_text()
    (nginx,), (caddy,) = ([text for _, text in blocks(page, kind)] for kind in ("nginx", "caddyfile"))
    for text in (nginx, caddy):
        assert text.count("{") == text.count("}")
    ends = [line.strip()[-1] for line in nginx.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert set(ends) <= {";", "{", "}"}
    if shutil.which("caddy"):
        (tmp_path / "Caddyfile").write_text(caddy)
        command = ["caddy", "adapt", "--config", str(tmp_path / "Caddyfile")]
        assert subprocess.run(command, capture_output=True).returncode == 0


def test_every_key_is_rotated(tmp_path: Path, receiver: Receiver) -> None:
    with Server(tmp_path) as server:
        client = server.client_id()
        credential = {
            "name": "Token server", "environmentId": server.environments["Development"],
            "url": "https://login.example.org/token", "grantType": "client_credentials",
            "clientId": "client", "clientSecret": "the-old-secret",
        }  # fmt: skip
        made = server.call("POST", "/platform/v1/authcredentials", credential).payload["credential"]["id"]
        put_in = {
            URL: server.url, "../waypost": str(ROOT),
            DESTINATION: server.destination(endpoint=receiver.url)["id"],
            "0c8f3c5e-1a51-4f4e-9a0e-6a2f3a1b7c22": client,
            "01a208ca-db10-7e4d-abba-296b4fa6b162": made,
        }  # fmt: skip

        said = run(commands(KEYS), tmp_path, put_in, settings(server))

        assert "whsec_" in said
        (before, overlap, after) = (
            [key["kid"] for key in json.loads(text)["payload"]["apikey"]["jwkSet"]["keys"]]
            for text in ((tmp_path / f"{name}.json").read_text() for name in ("before", "overlap", "after"))
        )
        assert (overlap, after) == ([*before, "key-2"], ["key-2"])
        trail = (tmp_path / "trail.txt").read_text()
        assert "the-new-secret" not in trail
        assert "a-new-token" not in trail
        assert server.cli("check").returncode == 0


def test_an_engine_sends_with_a_legacy_key(server: Server, receiver: Receiver, tmp_path: Path) -> None:
    put_in = given(server) | {DESTINATION: server.destination(endpoint=receiver.url)["id"]}

    said = run(commands(ENGINE), tmp_path, put_in, settings(server))

    assert '"Logs"' in said
    (request,) = receiver.wait(1)
    assert request.json["Patient"]["Identifiers"][0]["ID"] == "0000000001"


ENGINE_GIVES = """
const kept = {}, channelMap = {put: (name, value) => { kept[name] = value; }};
const configurationMap = {get: (name) => process.env[name]};
const msg = {
  MSH: {
    'MSH.4': {'MSH.4.1': 'WARD7'}, 'MSH.7': {'MSH.7.1': '20260105080000'}, 'MSH.9': {'MSH.9.2': 'A01'},
    'MSH.10': {'MSH.10.1': '000231'},
  },
  PID: {'PID.3': {'PID.3.1': '0000000001', 'PID.3.5': 'MR'}, 'PID.5': {'PID.5.1': 'Doe', 'PID.5.2': 'Ada'}},
};
"""


@needs("node")
def test_the_engines_transformer_makes_a_message_that_is_taken(server: Server, receiver: Receiver) -> None:
    source, destination = server.source(), server.destination(endpoint=receiver.url)
    server.subscribe(source, destination)
    ((_, text),) = blocks(ENGINE.read_text(), "js")
    script = f"{ENGINE_GIVES}{text}console.log(JSON.stringify(kept));"
    configured = {"waypostSource": source["id"], "waypostDestination": destination["id"]}

    ran = subprocess.run(["node", "-e", script], env=os.environ | configured, capture_output=True, check=True)
    made = json.loads(ran.stdout)
    key = {"Idempotency-Key": made["messageKey"]}
    assert server.send(server.client_id(), json.loads(made["message"]), headers=key).status == 200

    (request,) = receiver.wait(1)
    assert request.json["Meta"]["EventType"] == "Arrival"
    assert request.json["Patient"]["Demographics"] == {"LastName": "Doe", "FirstName": "Ada"}
    assert made["messageKey"] == "WARD7-20260105-000231"


def test_a_hand_made_webhook_moves(server: Server, receiver: Receiver, tmp_path: Path) -> None:
    put_in = given(server) | {"https://customer.example.org/hooks/orders": receiver.url}

    run(commands(WEBHOOKS), tmp_path, put_in, settings(server))

    (request,) = receiver.requests
    assert request.headers["x-api-key"] == "the-key"
    assert request.json["order"] == 17


def test_a_backup_of_the_embedded_store_is_restored(server: Server, tmp_path: Path) -> None:
    titles = ("Take a backup", "See what is in it", "Restore the embedded store")
    put_in = {"/var/backups": str(tmp_path), "/safe/sealing.key": str(server.data / "sealing.key")}

    said = run(commands(BACKUP, *titles), tmp_path, put_in, settings(server))

    assert "waypost.sqlite3: OK" in said


def test_a_backup_of_postgresql_is_restored(tmp_path: Path, database: str) -> None:
    other = asyncio.run(postgresql.shared().database(empty=True))
    store = {
        "WAYPOST_DATABASE_URL": database, "WAYPOST_MASTER_KEY_FILE": str(tmp_path / "sealing.key"),
        "WAYPOST_DATA": str(tmp_path / "data"),
    }  # fmt: skip
    put_in = {
        "/var/backups": str(tmp_path), "/safe/sealing.key": str(tmp_path / "sealing.key"),
        "postgresql://waypost@db.example.org/waypost": other,
    }  # fmt: skip

    run("waypost init\n" + commands(BACKUP, "Take a backup", "Restore PostgreSQL"), tmp_path, put_in, store)

    asyncio.run(postgresql.shared().drop(other))


def test_every_section_of_the_backup_page_with_commands_is_run_above() -> None:
    parts = re.split(r"^## ", BACKUP.read_text(), flags=re.MULTILINE)[1:]
    assert [part.partition("\n")[0] for part in parts if blocks(part)] == [
        "Take a backup", "See what is in it", "Restore the embedded store", "Restore PostgreSQL",
    ]  # fmt: skip


def test_an_environment_may_call_what_its_list_says(server: Server, tmp_path: Path) -> None:
    said = run(commands(EGRESS), tmp_path, given(server, "Staging"), settings(server))

    assert '"*.ehr.example.org"' in said


def test_an_operator_bounds_what_an_environment_may_take(server: Server, tmp_path: Path) -> None:
    environment = {ENVIRONMENT: server.environments["Development"]}

    said = run(commands(QUOTAS), tmp_path, environment, settings(server))

    assert "500000" in said
    assert "200" in said


def test_a_link_lets_somebody_set_a_password(server: Server, tmp_path: Path) -> None:
    said = run(commands(SIGN_IN), tmp_path, {}, settings(server))

    assert f"{server.url}/dashboard/" in said
