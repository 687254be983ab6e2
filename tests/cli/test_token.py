import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Copy
from tests.support.waypost import COMMAND, Server, free_port, plain_environment

HEAVY = {"fastapi", "sqlalchemy", "alembic", "aiohttp", "structlog", "uvicorn"}


def test_the_token_of_the_first_user_is_printed_alone(server: Server) -> None:
    printed = server.cli("token").stdout

    assert printed.count("\n") == 1
    assert server.call("GET", "/platform/v1/organizations", token=printed.strip()).status == 200


def test_the_running_server_says_where_it_is(copy: Copy) -> None:
    made = copy(settings={"WAYPOST_BASE_URL": ""})
    with made.start():
        written = json.loads((made.data / "server.json").read_text())
        assert written["url"] == made.url
        assert written["pid"] == made.pid
        assert made.cli("token").stdout.strip()


def test_the_audience_is_that_of_the_base_url_wherever_the_server_is_reached(copy: Copy) -> None:
    made = copy(settings={"WAYPOST_BASE_URL": "https://waypost.example.org/"})
    with made.start():
        assert made.cli("token", "--url", made.url).stdout.strip()
        refused = made.cli("token", "--url", made.url, check=False, settings={"WAYPOST_BASE_URL": "http://other"})

    assert refused.returncode == 1
    assert "400" in refused.stderr
    assert "http://other/v2/auth/token" in refused.stderr


def test_the_servers_refusal_is_told_in_its_own_words(copy: Copy, server: Server) -> None:
    stranger = copy()
    stranger.cli("users", "add", "only-here@example.org")

    ran = stranger.cli("token", "--url", server.url, "--user", "only-here@example.org", check=False)

    assert ran.returncode == 1
    assert "401 invalid_client: Public key not found" in ran.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("--user", "nobody@example.org"), 1, "no private key of the user nobody@example.org"),
        (("--client", "nothing"), 1, "no private key of client nothing"),
        (("--user", "a@example.org", "--client", "b"), 2, "either --user or --client"),
        (("--url", "here"), 1, "absolute http(s) URL"),
        (("--url", f"http://127.0.0.1:{free_port()}"), 1, "No Waypost answers"),
    ],
)
def test_a_token_that_cannot_be_had_is_explained(
    template: Server, args: tuple[str, ...], status: int, words: str
) -> None:
    ran = template.cli("token", *args, check=False)

    assert (ran.returncode, ran.stdout) == (status, "")
    assert words in ran.stderr


def test_without_a_server_it_says_how_to_start_one(template: Server) -> None:
    ran = template.cli("token", check=False, settings={"WAYPOST_BASE_URL": ""})

    assert ran.returncode == 1
    assert "waypost serve" in ran.stderr


@pytest.mark.parametrize("args", [("--help",), ("serve", "--help"), ("token", "--help"), ("token", "--data", "x")])
def test_a_command_that_needs_no_server_loads_none_of_it(args: tuple[str, ...], tmp_path: Path) -> None:
    loading = [sys.executable, "-X", "importtime", *COMMAND[1:], *args]

    said = subprocess.run(
        loading, capture_output=True, text=True, env=plain_environment(), cwd=tmp_path, timeout=60, check=False
    ).stderr

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines() if "|" in line}
    assert "typer" in loaded
    assert not loaded & HEAVY
