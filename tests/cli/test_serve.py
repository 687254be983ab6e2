import gc
import http.client
import json
import os
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Copy
from tests.support.authority import Authority
from tests.support.receiver import Receiver, answer, stall
from tests.support.waypost import COMMAND, Server, message, number_of, plain_environment, waypost
from waypost.app import calm_collector
from waypost.cli.serving.listen import Listen, Role
from waypost.cli.serving.serve import refusals
from waypost.settings import Settings, load

LOOPBACK, ELSEWHERE = ["127.0.0.1"], ["0.0.0.0"]


def listen(*, tls: bool = False, behind_proxy: bool = False) -> Listen:
    pem = Path("some.pem") if tls else None
    return Listen("a-host", 8080, pem, pem, behind_proxy)


def settings(tmp_path: Path, *, key: str | None = None, proxies: str | None = None) -> Settings:
    key_file = None if key is None else tmp_path / key
    return load(data=tmp_path / "data", master_key_file=key_file, trusted_proxies=proxies)


def test_sigterm_ends_the_server_with_status_0_and_a_clean_folder(copy: Copy) -> None:
    made = copy()
    made.start()

    assert made.stop() == 0
    assert {entry.name for entry in made.data.iterdir()} == {"waypost.sqlite3", "sealing.key", "lock", "keys"}


def test_an_attempt_in_flight_ends_before_the_server_does_and_the_rest_stays_queued(copy: Copy) -> None:
    made = copy()
    with Receiver(stall()) as receiver, made.start():
        destination, source, client = made.destination(endpoint=receiver.url), made.source(), made.client_id()
        made.subscribe(source, destination)
        for number in (1, 2):
            assert made.send(client, message(destination, source, number)).status == 200
        receiver.wait(1)
        assert made.is_running
        os.kill(made.pid, signal.SIGTERM)
        os.kill(made.pid, signal.SIGTERM)
        receiver.release()
        assert made.stop() == 0
        receiver.behave(answer())
        made.start()
        assert [number_of(request.json) for request in receiver.wait(2)] == [1, 2]


def test_a_second_server_on_the_folder_is_refused(server: Server) -> None:
    ran = server.cli("serve", "--port", "0", check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert str(server.data) in ran.stderr
    assert server.url in ran.stderr
    assert server.call("GET", "/health/ready", token="").status == 200


def test_a_port_that_is_taken_is_named(template: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = template.cli("serve", "--port", str(port), check=False)

    assert ran.returncode == 1
    assert f"port {port}: Address already in use" in ran.stderr


def test_a_server_that_was_killed_starts_again(copy: Copy) -> None:
    made = copy()
    made.start()
    made.kill()
    assert (made.data / "control.sock").exists()

    made.cli("users", "add", "ann@example.org")  # nobody answers on the socket that is left
    with made.start():
        made.cli("users", "add", "ben@example.org")
        listed = json.loads(made.cli("users", "list", "--json").stdout)["users"]

    assert [user["email"] for user in listed[1:]] == ["ann@example.org", "ben@example.org"]


def test_commands_reach_a_server_whose_folder_has_a_long_path(copy: Copy) -> None:
    made = copy(name="a-rather-long-name-for-a-folder-" * 4)
    with made.start():
        assert (made.data / "control.sock").is_symlink()
        behind = (made.data / "control.sock").readlink()
        assert stat.S_IMODE(behind.parent.stat().st_mode) == 0o700
        made.cli("users", "add", "ann@example.org")
        assert made.call("GET", "/platform/v1/organizations", user="ann@example.org").status == 200
        assert made.stop() == 0
    assert not behind.parent.exists()


def test_the_control_socket_is_for_the_owner_alone(server: Server) -> None:
    assert stat.S_IMODE((server.data / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((server.data / "server.json").stat().st_mode) == 0o600


def test_the_server_itself_speaks_tls(copy: Copy, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("127.0.0.1")
    made = copy("--tls-cert", str(certificate), "--tls-key", str(key), settings={"WAYPOST_BASE_URL": ""})
    with made.start():
        trusting = ssl.create_default_context(cadata=authority.pem)
        connection = http.client.HTTPSConnection("127.0.0.1", made.port, context=trusting, timeout=10)
        connection.request("GET", "/health/ready")
        assert connection.getresponse().status == 200
        connection.close()
        ca = tmp_path / "ca.pem"
        ca.write_text(authority.pem)
        assert made.cli("token", settings={"SSL_CERT_FILE": str(ca)}).stdout.strip()


def test_a_file_that_is_no_certificate_is_refused_in_words(template: Server) -> None:
    sealing_key = str(template.data / "sealing.key")

    ran = template.cli("serve", "--tls-cert", sealing_key, "--tls-key", sealing_key, check=False)

    assert ran.returncode == 1
    assert "not a PEM certificate" in ran.stderr


def test_behind_a_proxy_the_audit_trail_has_the_clients_address(copy: Copy) -> None:
    made = copy("--behind-proxy", settings={"WAYPOST_TRUSTED_PROXIES": "127.0.0.0/8"})
    with made.start():
        path = f"/platform/v1/environments/{made.environments['Development']}/sources"
        made.call("POST", path, {"name": "S"}, headers={"X-Forwarded-For": "203.0.113.9"})
        events = made.call("GET", "/platform/v1/organizations/1/audit-events")

    assert "203.0.113.9" in events.body.decode()


def test_without_a_proxy_nobody_can_give_another_address(server: Server) -> None:
    path = f"/platform/v1/environments/{server.environments['Development']}/sources"

    server.call("POST", path, {"name": "S"}, headers={"X-Forwarded-For": "203.0.113.77"})

    events = server.call("GET", "/platform/v1/organizations/1/audit-events")
    assert "203.0.113.77" not in events.body.decode()


def test_settings_that_cannot_be_used_are_told_all_at_once(template: Server) -> None:
    wrong = {"WAYPOST_BASE_URL": "here", "WAYPOST_RATE_LIMITS": "none", "WAYPOST_ALLOWED_NETWORKS": "everything"}

    ran = template.cli("serve", check=False, settings=wrong)

    assert (ran.returncode, ran.stdout) == (1, "")
    for name in wrong:
        assert f"\n  {name}: " in ran.stderr


def test_a_folder_that_was_never_set_up_is_refused(tmp_path: Path) -> None:
    ran = waypost("serve", "--data", str(tmp_path / "nothing"))

    assert ran.returncode == 1
    assert "waypost init" in ran.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_store_that_is_not_one_is_refused_in_words(copy: Copy) -> None:
    made = copy()
    (made.data / "waypost.sqlite3").write_bytes(b"not a database " * 100)

    ran = made.cli("serve", "--port", "0", check=False)

    assert ran.returncode == 1
    assert ran.stderr == "waypost: The store cannot be used (file is not a database).\n"


def test_a_store_of_a_newer_version_is_refused_in_words(copy: Copy) -> None:
    made = copy()
    with closing(sqlite3.connect(made.data / "waypost.sqlite3")) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")

    ran = made.cli("serve", "--port", "0", check=False)

    assert ran.returncode == 1
    assert ran.stderr == (
        "waypost: The store is at schema 9999, which this version does not know. Use a newer one.\n"
    )


def test_it_starts_from_nothing_as_an_operator_starts_it(tmp_path: Path) -> None:
    """All other tests fork it from a process that has its imports."""
    data, environment = ["--data", str(tmp_path / "data")], plain_environment()
    subprocess.run([*COMMAND, "init", *data], env=environment, stdout=subprocess.DEVNULL, timeout=120, check=True)
    serve = [*COMMAND, "serve", "--port", "0", *data]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("Waypost is ready on http://127.0.0.1:")
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_off_loopback_every_missing_protection_is_named_and_nothing_starts(template: Server) -> None:
    ran = template.cli("serve", "--host", "0.0.0.0", "--role", "worker", check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    for words in ("--tls-cert", "WAYPOST_TRUSTED_PROXIES", "WAYPOST_MASTER_KEY_FILE", "PostgreSQL"):
        assert words in ran.stderr


@pytest.mark.parametrize("role", [Role.api, Role.worker])
def test_half_a_server_needs_postgresql(tmp_path: Path, role: Role) -> None:
    assert "PostgreSQL" in refusals(settings(tmp_path), listen(), role, LOOPBACK)[0]


def test_on_loopback_nothing_more_is_asked_for(tmp_path: Path) -> None:
    assert refusals(settings(tmp_path), listen(), Role.all, LOOPBACK) == []


@pytest.mark.parametrize(
    ("protected", "proxies"), [(listen(tls=True), None), (listen(behind_proxy=True), "10.0.0.0/8")]
)
def test_off_loopback_tls_or_a_known_proxy_is_enough(
    tmp_path: Path, protected: Listen, proxies: str | None
) -> None:
    found = settings(tmp_path, key="elsewhere.key", proxies=proxies)

    assert refusals(found, protected, Role.all, ELSEWHERE) == []


def test_off_loopback_a_sealing_key_inside_the_folder_is_refused(tmp_path: Path) -> None:
    faults = refusals(settings(tmp_path, key="data/deep/own.key"), listen(tls=True), Role.all, ELSEWHERE)

    assert len(faults) == 1
    assert "WAYPOST_MASTER_KEY_FILE" in faults[0]


def test_one_address_off_loopback_is_enough_to_be_asked(tmp_path: Path) -> None:
    assert refusals(settings(tmp_path, key="elsewhere.key"), listen(), Role.all, LOOPBACK + ELSEWHERE)


def test_a_proxy_that_nobody_named_is_not_believed(tmp_path: Path) -> None:
    faults = refusals(settings(tmp_path), listen(behind_proxy=True), Role.all, LOOPBACK)

    assert faults == ["--behind-proxy needs WAYPOST_TRUSTED_PROXIES, the networks that the proxy calls from."]


def test_once_a_server_is_built_garbage_is_collected_again() -> None:
    before = gc.get_threshold()
    gc.disable()
    try:
        calm_collector()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        gc.enable()
