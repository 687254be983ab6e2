"""The commands that let people into the dashboard, beside a server that runs."""

import json
from typing import Any
from uuid import uuid4

from tests.cli.conftest import Copy
from tests.support.waypost import Server


def run(server: Server, *args: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(server.cli(*args, "--json").stdout)
    return made


def email() -> str:
    return f"{uuid4().hex[:8]}@example.org"


def test_an_invitation_is_a_link_to_this_server(server: Server) -> None:
    whose = email()
    run(server, "users", "add", whose)

    made = run(server, "users", "invite", whose.upper())

    assert made["user"]["email"] == whose
    assert made["invitation"]["url"].startswith(f"{server.url}/dashboard/invitations/")
    said = server.cli("users", "invite", whose).stdout.splitlines()
    assert said[0].startswith(f"{whose} sets a password at this address, until 20")
    assert said[1].startswith(f"{server.url}/dashboard/invitations/")


def test_a_user_is_added_and_invited_at_once(server: Server) -> None:
    made = run(server, "users", "add", email(), "--invite")

    assert set(made) == {"user", "apiKey", "invitation"}
    assert f"{server.url}/dashboard/invitations/" in server.cli("users", "add", email(), "--invite").stdout


def test_nobody_is_invited_who_is_no_user(server: Server) -> None:
    ran = server.cli("users", "invite", email(), check=False)

    assert (ran.returncode, ran.stderr) == (1, "waypost: There is no such user.\n")


def test_sessions_are_ended_by_a_command(server: Server) -> None:
    whose = email()
    run(server, "users", "add", whose)

    assert run(server, "users", "sessions", "end", whose)["ended"] == 0
    assert server.cli("users", "sessions", "end", whose).stdout == f"Ended 0 sessions of {whose}.\n"


def test_without_a_server_the_link_leads_where_one_usually_listens(copy: Copy) -> None:
    server = copy()
    unnamed = {"WAYPOST_BASE_URL": ""}

    said = server.cli("users", "invite", "owner@example.org", "--json", settings=unnamed).stdout

    assert json.loads(said)["invitation"]["url"].startswith("http://127.0.0.1:8080/dashboard/invitations/")
