import json
import stat
from pathlib import Path
from typing import Any

from tests.cli.conftest import Copy
from tests.support import keys
from tests.support.waypost import Ran, Server, waypost
from waypost.jwks import public_key
from waypost.tokens.assertion import public_of

DEVELOPMENT = "3f0a7f0e-4a0c-4b6e-9a55-0f6f4c1c2d10"
ENGINE = "0c8f3c5e-1a51-4f4e-9a0e-6a2f3a1b7c22"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def init(data: Path, *args: str, **settings: str) -> Ran:
    return waypost("init", "--data", str(data), *args, settings=settings)


def write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def test_init_answers_with_the_ids_and_the_key_of_a_usable_folder(template: Server) -> None:
    made = template.made

    assert made["organization"]["id"] == 1
    assert list(made["environments"]) == ["Development", "Staging", "Production"]
    assert made["user"]["id"] == 1
    kept = json.loads(Path(made["apiKey"]["privateKeyFile"]).read_text())
    assert {name: kept[name] for name in ("clientId", "kid", "alg")} == {
        name: made["apiKey"][name] for name in ("clientId", "kid", "alg")
    }
    assert kept["kind"] == "user"
    assert kept["email"] == made["user"]["email"]
    assert public_key(public_of(kept["privateKey"]), "RS384")


def test_the_folder_and_everything_in_it_is_for_its_owner_alone(template: Server) -> None:
    assert mode(template.data) == 0o700
    assert mode(template.data / "keys") == 0o700
    for name in ("waypost.sqlite3", "sealing.key", "lock"):
        assert mode(template.data / name) == 0o600, name
    assert mode(Path(template.made["apiKey"]["privateKeyFile"])) == 0o600


def test_init_leaves_nothing_but_the_store_and_its_keys(template: Server) -> None:
    assert {entry.name for entry in template.data.iterdir()} == {"waypost.sqlite3", "sealing.key", "lock", "keys"}


def test_init_refuses_a_folder_that_holds_a_database(copy: Copy) -> None:
    made = copy()
    before = (made.data / "waypost.sqlite3").read_bytes()

    ran = init(made.data, "--json")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("waypost: ")
    assert "does not overwrite" in ran.stderr
    assert (made.data / "waypost.sqlite3").read_bytes() == before


def test_init_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    ran = init(tmp_path)

    assert ran.returncode == 1
    assert "thesis.txt" in ran.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_init_that_was_cut_short_can_be_done_again(tmp_path: Path) -> None:
    (tmp_path / ".init").mkdir()
    (tmp_path / ".init" / "waypost.sqlite3").write_text("half of a database")

    assert init(tmp_path, "--json").returncode == 0
    assert not (tmp_path / ".init").exists()


def test_a_name_that_is_none_is_refused_and_the_folder_can_be_set_up_still(tmp_path: Path) -> None:
    ran = init(tmp_path / "data", "--organization", " ")

    assert ran.returncode == 1
    assert ran.stderr.startswith("waypost: name: ")
    assert init(tmp_path / "data").returncode == 0


def test_people_are_told_what_to_do_next(tmp_path: Path) -> None:
    said = init(tmp_path / "data", "--email", "ann@example.org", "--organization", "Clinic").stdout

    assert "Clinic" in said
    assert "ann@example.org" in said
    assert "waypost serve" in said


def test_an_owner_with_keys_of_their_own_leaves_no_private_key_in_the_folder(tmp_path: Path) -> None:
    given = write(tmp_path / "jwks.json", {"keys": [public_of(keys.ec("laptop"))]})

    made = json.loads(init(tmp_path / "data", "--json", "--owner-jwks", given).stdout)

    assert made["apiKey"]["kid"] == "laptop"
    assert made["apiKey"]["alg"] == "ES384"
    assert made["apiKey"]["privateKeyFile"] is None
    assert not (tmp_path / "data" / "keys").exists()


def test_a_private_key_is_not_taken_for_an_owners_public_one(tmp_path: Path) -> None:
    given = write(tmp_path / "jwk.json", keys.ec("laptop"))

    ran = init(tmp_path / "data", "--owner-jwks", given)

    assert ran.returncode == 1
    assert "public key only" in ran.stderr
    assert keys.ec("laptop")["d"] not in ran.stderr
    assert not (tmp_path / "data" / "waypost.sqlite3").exists()


def test_a_set_up_from_documents_has_their_ids_and_keys(tmp_path: Path) -> None:
    tenants = {
        "organizations": [{"id": 7, "name": "Clinic"}],
        "environments": [
            {
                "id": DEVELOPMENT, "organization": 7, "name": "Dev", "environmentFlag": "Development",
                "quotas": {"pendingLogs": 5},
            },
        ],
    }  # fmt: skip
    people = {
        "users": [
            {
                "id": 11,
                "email": "ci@example.org",
                "organization": 7,
                "organizationRole": "owner",
                "environmentRoles": {DEVELOPMENT: "engineer"},
                "apiKey": {"clientId": "ci", "jwkSet": {"keys": [public_of(keys.ec("ci"))]}},
            }
        ],
        "apikeys": [
            {
                "clientId": ENGINE,
                "environment": DEVELOPMENT,
                "name": "Interface engine",
                "jwkSet": {"keys": [public_of(keys.ec("engine"))]},
            }
        ],
    }
    documents = ("--from", write(tmp_path / "1.json", tenants), "--from", write(tmp_path / "2.json", people))

    with Server(tmp_path, init=documents) as server:
        assert server.made == {
            "organization": {"id": 7, "name": "Clinic"},
            "environments": {"Dev": DEVELOPMENT},
            "user": {"id": 11, "email": "ci@example.org"},
            "apiKey": {"clientId": "ci", "kid": "ci", "alg": "ES384", "privateKeyFile": None},
        }
        path = f"/platform/v1/environments/{DEVELOPMENT}/apikeys"
        shown = server.call("GET", path, token=server.exchange(keys.ec("ci"), "ci"))
        assert [key["id"] for key in shown.payload["apikeys"]] == [ENGINE]
        assert server.exchange(keys.ec("engine"), ENGINE)
        listed = server.cli("quotas", "list")
        assert listed.stdout == f"{DEVELOPMENT}: 5 logs that wait\n"


def test_the_example_of_the_reference_is_a_document_that_can_be_used(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs/reference/init-from.md").read_text()
    example = tmp_path / "example.json"
    example.write_text(text.partition("```json\n")[2].partition("```")[0])

    ran = init(tmp_path / "data", "--json", "--from", str(example))

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["environments"] == {"Development": DEVELOPMENT}


def test_every_fault_of_every_document_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    first = write(tmp_path / "1.json", {"organizations": [{"id": "one", "nmae": "Clinic"}]})
    second = write(tmp_path / "2.json", {"environments": [{"id": "x", "name": "Dev", "environmentFlag": "Test"}]})

    ran = init(tmp_path / "data", "--from", first, "--from", second)

    assert ran.returncode == 1
    for place in ("/organizations/0/id", "/organizations/0/name", "/organizations/0/nmae", "/environments/0/id"):
        assert f"{place}: " in ran.stderr
    assert "/environments/0/environmentFlag: " in ran.stderr
    assert not (tmp_path / "data").exists()


def test_documents_may_not_name_what_none_of_them_fixes(tmp_path: Path) -> None:
    stray = {
        "environments": [
            {"id": DEVELOPMENT, "organization": 2, "name": "Dev", "environmentFlag": "Development"},
            {"id": DEVELOPMENT, "name": "Dev again", "environmentFlag": "Development"},
        ],
        "apikeys": [{"clientId": ENGINE, "environment": ENGINE, "name": "Engine"}],
    }

    ran = init(tmp_path / "data", "--from", write(tmp_path / "stray.json", stray))

    assert "organization 2 of the environment Dev is not given" in ran.stderr
    assert f"environment {DEVELOPMENT} is given twice" in ran.stderr
    assert f"environment {ENGINE} of the API key" in ran.stderr


def test_the_sealing_key_may_lie_elsewhere(tmp_path: Path) -> None:
    key_file = tmp_path / "elsewhere.key"

    ran = init(tmp_path / "data", "--json", WAYPOST_MASTER_KEY_FILE=str(key_file))

    assert ran.returncode == 0, ran.stderr
    assert mode(key_file) == 0o600
    assert not (tmp_path / "data" / "sealing.key").exists()
