"""`waypost quotas …` beside a server that runs: each must hold for the next message."""

import json

import pytest

from tests.support.waypost import Server, message


def test_a_quota_holds_for_the_next_message_and_so_does_its_end(server: Server) -> None:
    environment = server.environments["Staging"]
    source, client = server.source("Staging"), server.client_id("Staging")
    destination = server.destination("Staging", endpoint="https://127.0.0.1:9/")
    server.subscribe(source, destination, environment="Staging")
    assert server.send(client, message(destination, source, 1)).status == 200

    said = server.cli("quotas", "set", environment, "--pending-logs", "1", "--destinations", "9").stdout
    assert said == f"{environment}: 1 logs that wait, 9 destinations\n"
    assert server.send(client, message(destination, source, 2)).status == 429
    assert environment in server.cli("quotas", "list").stdout

    shown = server.cli("quotas", "set", environment, "--pending-logs", "none", "--json").stdout
    assert json.loads(shown)["quotas"]["pendingLogs"] is None
    assert server.send(client, message(destination, source, 2)).status == 200
    server.cli("quotas", "set", environment, "--destinations", "none")
    assert environment not in server.cli("quotas", "list").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Name at least one quota"),
        (["--destinations", "many"], "takes a whole number, or `none`"),
        (["--destinations", "0"], "destinations: "),
    ],
)
def test_what_is_no_quota_is_refused_in_words(server: Server, options: list[str], said: str) -> None:
    ran = server.cli("quotas", "set", server.environments["Staging"], *options, check=False)
    assert (ran.returncode, said in ran.stderr, ran.stderr.count("\n")) == (1, True, 1), ran.stderr
