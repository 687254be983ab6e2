"""A destination's secrets: never shown, never in the clear on disk, and what happens when their key is lost."""

from pathlib import Path
from typing import Any

import pytest

from tests.destinations.calls import Made, get, ours, patch, patched, path, settings
from tests.destinations.conftest import echo
from tests.support.authority import Authority
from tests.support.callers import Household
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer
from waypost.folder import DATABASE, SEALING_KEY
from waypost.vault import keyring

SECRET = "zzz-verification-token"
ONE = "https://one.example.com/in"


def lose_the_key(folder: Path) -> None:
    """Another key file takes the place of the one that everything is sealed under."""
    (folder / SEALING_KEY).unlink()
    keyring.create(folder / SEALING_KEY)


@pytest.fixture
def furnished(tmp_path: Path) -> tuple[Path, Household, Made]:
    """A folder whose application has stopped, with a destination that has a token and a client certificate."""
    with House(tmp_path, allowed_networks=LOOPBACK, deliver=False) as house:
        made = house.destination(endpoint=ONE, verificationToken=SECRET)
        certificate, key = (file.read_text() for file in Authority(tmp_path).issue("waypost"))
        tls = {"clientCertificate": certificate, "clientKey": key}
        assert house.call("PATCH", ours(made), {"tls": tls}).status == 200
        return tmp_path, house.household, made


def test_no_answer_ever_has_the_token(house: House, receiver: Receiver) -> None:
    body = {"name": "Ward", "endpoint": receiver.url, "verificationToken": SECRET}
    collection = f"/platform/v1/environments/{house.environments['Development']}/destinations"
    created = house.call("POST", collection, body)
    made = created.payload["destination"]
    receiver.behave(answer(500, SECRET.encode()), echo, echo)
    answers = [
        created,
        patch(house, made, {"verificationToken": SECRET + "2"}),
        patch(house, made, {"verificationToken": SECRET + " ", "name": 1}),
        house.call("POST", path(made) + "/verify", {"verificationToken": SECRET}),
        house.call("POST", path(made) + "/verify", {"verificationToken": SECRET}),
        house.call("POST", path(made) + "/verify", {"verificationMethod": "GET"}),
        house.call("GET", path(made)),
        house.call("GET", ours(made)),
        house.call("GET", collection),
        house.call("PATCH", ours(made), {"timeoutSeconds": 5}),
        house.call("GET", f"/platform/v1/organizations/{house.household.clinic.id}/audit-events", by="owner"),
        house.call("DELETE", path(made)),
    ]
    assert [each.status for each in answers] == [201, 200, 400, 409, 200, 200, 200, 200, 200, 200, 200, 200]
    for each in answers:
        assert SECRET not in each.body.decode() + str(each.headers)


def test_no_file_of_the_folder_has_a_secret_in_the_clear(furnished: tuple[Path, Household, Made]) -> None:
    folder, _, _ = furnished
    stored = [file for file in folder.iterdir() if file.suffix not in {".pem", ".key"}]
    assert DATABASE in [file.name for file in stored]
    for file in stored:
        data = file.read_bytes()
        assert SECRET.encode() not in data
        assert b"BEGIN PRIVATE KEY" not in data


@pytest.mark.parametrize("spelled", [str, str.upper])
def test_secrets_can_be_replaced_after_a_restart(furnished: tuple[Path, Household, Made], spelled: Any) -> None:
    folder, household, made = furnished
    with House(folder, deliver=False, keep=household) as house:
        given = {"name": "Laboratory", "verificationToken": "another"}
        assert patched(house, spelled(made["id"]), given) == made | {"name": "Laboratory"}


def test_a_lost_key_leaves_all_but_the_secrets_to_be_read_and_changed(
    furnished: tuple[Path, Household, Made],
) -> None:
    folder, household, made = furnished
    lose_the_key(folder)
    with House(folder, deliver=False, keep=household) as house:
        assert get(house, made) == made
        assert patched(house, made, {}) == made
        assert patched(house, made, {"name": "Laboratory"})["name"] == "Laboratory"
        assert house.call("PATCH", ours(made), {"timeoutSeconds": 5}).status == 200
        assert house.destination(verificationToken="new")["name"] == "Ward"


def test_a_secret_under_a_lost_key_is_said_to_be_unavailable(furnished: tuple[Path, Household, Made]) -> None:
    folder, household, made = furnished
    lose_the_key(folder)
    with House(folder, deliver=False, keep=household) as house:
        refused = house.call("POST", path(made) + "/verify")
        assert (refused.status, refused.json["type"]) == (503, "/problems/key_unavailable")
        assert "retry-after" in refused.headers


def test_secrets_under_a_lost_key_can_be_replaced(
    furnished: tuple[Path, Household, Made], receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, household, made = furnished
    lose_the_key(folder)
    receiver.behave(echo)
    pair = Authority(tmp_path_factory.mktemp("authority")).issue("second")
    certificate, key = (file.read_text() for file in pair)
    with House(folder, allowed_networks=LOOPBACK, deliver=False, keep=household) as house:
        patched(house, made, {"verificationToken": "another", "endpoint": receiver.url})
        tls = {"clientCertificate": certificate, "clientKey": key}
        assert house.call("PATCH", ours(made), {"tls": tls}).status == 200
        assert house.call("POST", path(made) + "/verify").status == 200
        assert receiver.requests[0].json["verification-token"] == "another"
        assert settings(house, made)["tls"]["clientCertificate"] == certificate


def test_a_secret_under_a_lost_key_can_be_cleared(furnished: tuple[Path, Household, Made]) -> None:
    folder, household, made = furnished
    lose_the_key(folder)
    with House(folder, deliver=False, keep=household) as house:
        assert patch(house, made, {"verificationToken": None}).status == 200
        none = {"tls": {"clientCertificate": None, "clientKey": None}}
        assert house.call("PATCH", ours(made), none).payload["destination"]["tls"]["hasClientKey"] is False
        refused = house.call("POST", path(made) + "/verify")
        assert refused.faults == [("/verificationToken", "required")]
