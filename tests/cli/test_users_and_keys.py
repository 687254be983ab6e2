"""The commands on who may do what, beside a server that runs: each must hold for its next request."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.support import keys
from tests.support.waypost import Server
from waypost.tokens.assertion import public_of


def run(server: Server, *args: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(server.cli(*args, "--json").stdout)
    return made


def email() -> str:
    return f"{uuid4().hex[:8]}@example.org"


def environments_seen_by(server: Server, token: str) -> int:
    return server.call("GET", "/platform/v1/organizations/1/environments", token=token).status


def test_a_user_who_is_added_can_call_at_once_with_the_roles_that_were_given(server: Server) -> None:
    development, production = server.environments["Development"], server.environments["Production"]
    whose = email()

    made = run(server, "users", "add", whose, "--env-role", f"{development}=viewer")

    assert made["user"]["email"] == whose
    assert made["apiKey"]["alg"] == "RS384"
    sources = "/platform/v1/environments/{}/sources"
    assert server.call("GET", sources.format(development), user=whose).status == 200
    assert server.call("POST", sources.format(development), {"name": "S"}, user=whose).status == 403
    assert server.call("GET", sources.format(production), user=whose).status == 404


def test_a_user_who_is_removed_is_nobody_at_the_next_request(server: Server) -> None:
    whose = email()
    key = run(server, "users", "add", whose)["apiKey"]
    token = server.token(user=whose)
    assert environments_seen_by(server, token) == 200

    server.cli("users", "remove", whose)

    assert environments_seen_by(server, token) == 401
    assert not (server.data / "keys" / f"{key['clientId']}.json").exists()


def test_a_further_key_works_until_it_is_revoked(server: Server) -> None:
    whose = email()
    run(server, "users", "add", whose)
    further = run(server, "users", "keys", "add", whose)["apiKey"]
    token = server.token(user=whose)
    assert environments_seen_by(server, token) == 200

    server.cli("users", "keys", "revoke", further["clientId"])

    assert environments_seen_by(server, token) == 401
    assert environments_seen_by(server, server.token(user=whose, fresh=True)) == 200


def test_a_key_made_elsewhere_is_taken_by_its_public_half(server: Server) -> None:
    whose, private = email(), keys.ec("elsewhere")
    given = server.data.parent / "public.json"
    given.write_text(json.dumps(public_of(private)))

    made = run(server, "users", "add", whose, "--jwks", str(given))

    assert made["apiKey"]["privateKeyFile"] is None
    assert server.exchange(private, made["apiKey"]["clientId"])


def test_users_are_listed_with_roles_and_live_keys(server: Server) -> None:
    whose, staging = email(), server.environments["Staging"]
    made = run(server, "users", "add", whose, "--org-role", "admin", "--env-role", f"{staging}=support")

    listed = run(server, "users", "list")["users"]

    found = next(user for user in listed if user["email"] == whose)
    assert found["organizations"] == {"1": "admin"}
    assert found["environments"] == {staging: "support"}
    assert found["apiKeys"] == [made["apiKey"]["clientId"]]
    assert whose in server.cli("users", "list").stdout


def test_an_organization_is_added_with_three_environments_of_its_own(server: Server) -> None:
    made = run(server, "organizations", "add", "Laboratory")
    whose = email()
    development = made["environments"]["Development"]

    run(server, "users", "add", whose, "--org-role", "owner", "--env-role", f"{development}=engineer")

    assert list(made["environments"]) == ["Development", "Staging", "Production"]
    sources = f"/platform/v1/environments/{development}/sources"
    assert server.call("GET", sources, user=whose).status == 200
    assert server.call("GET", sources).status == 404
    assert environments_seen_by(server, server.token(user=whose)) == 404


def test_an_oauth_key_is_a_source_of_its_environment(server: Server) -> None:
    made = run(server, "apikeys", "add", server.environments["Development"], "--name", "Engine")

    assert set(made["apiKey"]) == {"clientId", "kid", "privateKeyFile"}
    token = server.token(client=made["apiKey"]["clientId"])
    assert environments_seen_by(server, token) == 403
    shown = server.call("GET", f"/platform/v1/apikeys/{made['apiKey']['clientId']}").payload["apikey"]
    assert shown["name"] == "Engine"
    assert "d" not in shown["jwkSet"]["keys"][0]


def test_a_legacy_key_has_a_secret_that_gives_tokens(server: Server) -> None:
    made = run(server, "apikeys", "add", server.environments["Development"], "--legacy")["apiKey"]

    login = server.call("POST", "/auth/authenticate", {"apiKey": made["key"], "secret": made["secret"]}, token="")

    assert set(made) == {"key", "secret"}
    assert login.status == 200
    assert made["secret"] not in server.said()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("users", "add", "nobody"), "email: "),
        (("users", "add", "x@example.org", "--env-role", f"{uuid4()}=viewer"), "no such environment"),
        (("users", "remove", "nobody@example.org"), "no such user"),
        (("users", "keys", "revoke", "nothing"), "no such key"),
        (("apikeys", "add", str(uuid4())), "no such environment"),
        (("organizations", "add", " "), "name: "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(server: Server, args: tuple[str, ...], words: str) -> None:
    ran = server.cli(*args, "--json", check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("waypost: ")
    assert words in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_role_that_does_not_exist_is_wrong_usage(server: Server) -> None:
    ran = server.cli("users", "add", "x@example.org", "--env-role", "here=boss", check=False)

    assert ran.returncode == 2
    assert "engineer|support|viewer" in ran.stderr
