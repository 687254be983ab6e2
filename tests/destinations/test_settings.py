"""What is ours of a destination: TLS, the time limit, what is a success, whether the token is a bearer's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.destinations.calls import AZURE, Made, get, ours, path, settings, state
from tests.destinations.conftest import echo
from tests.support.authority import Authority
from tests.support.house import House
from tests.support.receiver import Receiver
from tests.support.serving import Answer

ONE = "https://one.example.com/in"


def change(house: House, made: Made, body: Any, **more: Any) -> Answer:
    return house.call("PATCH", ours(made), body, **more)


def verify(house: House, made: Made) -> Answer:
    return house.call("POST", path(made) + "/verify")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def identity(authority: Authority) -> tuple[str, str]:
    """A client certificate and its key, PEM."""
    certificate, key = authority.issue("waypost")
    return certificate.read_text(), key.read_text()


@pytest.fixture
def secure(authority: Authority) -> Iterator[Receiver]:
    """A receiver over TLS that asks for a client certificate."""
    with Receiver(echo, tls=authority.server(asks_for_certificate=True)) as receiver:
        yield receiver


def test_a_new_destination_has_the_documented_defaults(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    assert settings(strict, made) == {
        "id": made["id"],
        "verification": {"state": "unverified", "at": None, "method": "POST"},
        "tls": {"caCertificate": None, "clientCertificate": None, "hasClientKey": False},
        "timeoutSeconds": 30,
        "successStatus": "2xx",
        "sendTokenAsBearer": True,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"timeoutSeconds": 1},
        {"timeoutSeconds": 120},
        {"successStatus": "200"},
        {"sendTokenAsBearer": False},
        {"timeoutSeconds": 5, "successStatus": "200", "sendTokenAsBearer": False},
    ],
)
def test_only_supplied_settings_change(strict: House, given: dict[str, Any]) -> None:
    made = strict.destination(endpoint=ONE, verificationToken="t0ken")
    before = settings(strict, made)
    answer = change(strict, made, given)
    assert (answer.status, answer.payload["destination"]) == (200, before | given)
    assert settings(strict, made) == before | given
    assert get(strict, made) == made


def test_a_change_of_settings_is_audited(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    change(strict, made, {"timeoutSeconds": 5})
    event = strict.events(made["id"])[-1]
    assert (event["type"], event["details"]) == (
        "destination-updated",
        {"id": made["id"], "before": {"timeoutSeconds": 30}, "after": {"timeoutSeconds": 5}},
    )


@pytest.mark.parametrize("given", [{}, {"tls": {}}, {"timeoutSeconds": 30}, {"tls": {"clientKey": None}}])
def test_nothing_new_changes_nothing(strict: House, given: dict[str, Any]) -> None:
    made = strict.destination(endpoint=ONE)
    answer = change(strict, made, given)
    assert (answer.status, answer.headers["etag"]) == (200, '"1"')
    assert len(strict.events(made["id"])) == 1


def test_get_edit_patch_works(strict: House, authority: Authority, identity: tuple[str, str]) -> None:
    made = strict.destination(endpoint=ONE)
    tls = {"caCertificate": authority.pem, "clientCertificate": identity[0], "clientKey": identity[1]}
    assert change(strict, made, {"tls": tls}).status == 200
    edited = settings(strict, made) | {"timeoutSeconds": 5}
    assert change(strict, made, edited).payload["destination"] == edited


def test_both_addresses_share_one_etag(strict: House) -> None:
    made = strict.destination(endpoint=ONE)
    etag = change(strict, made, {"timeoutSeconds": 5}).headers["etag"]
    assert strict.call("GET", path(made)).headers["etag"] == etag
    assert strict.call("GET", ours(made)).headers["etag"] == etag
    assert change(strict, made, {"timeoutSeconds": 6}, headers={"if-match": '"1"'}).status == 412
    assert change(strict, made, {"timeoutSeconds": 6}, headers={"if-match": etag}).status == 200


def test_a_change_of_settings_is_one_commit(strict: House, identity: tuple[str, str]) -> None:
    made = strict.destination(endpoint=ONE)
    before = strict.commits
    tls = {"clientCertificate": identity[0], "clientKey": identity[1]}
    assert change(strict, made, {"tls": tls, "timeoutSeconds": 5}).status == 200
    assert strict.commits == before + 1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"timeoutSeconds": 0}, "/timeoutSeconds", "greater_than_equal"),
        ({"timeoutSeconds": 121}, "/timeoutSeconds", "less_than_equal"),
        ({"timeoutSeconds": 10**30}, "/timeoutSeconds", "less_than_equal"),
        ({"timeoutSeconds": 1.5}, "/timeoutSeconds", "wrong_type"),
        ({"timeoutSeconds": True}, "/timeoutSeconds", "wrong_type"),
        ({"timeoutSeconds": "30"}, "/timeoutSeconds", "wrong_type"),
        ({"timeoutSeconds": None}, "/timeoutSeconds", "wrong_type"),
        ({"successStatus": "201"}, "/successStatus", "literal_error"),
        ({"successStatus": 200}, "/successStatus", "literal_error"),
        ({"successStatus": None}, "/successStatus", "literal_error"),
        ({"sendTokenAsBearer": "true"}, "/sendTokenAsBearer", "wrong_type"),
        ({"sendTokenAsBearer": 1}, "/sendTokenAsBearer", "wrong_type"),
        ({"sendTokenAsBearer": None}, "/sendTokenAsBearer", "wrong_type"),
        ({"tls": None}, "/tls", "wrong_type"),
        ({"tls": "x"}, "/tls", "wrong_type"),
        ({"tls": {"caCertificate": 1}}, "/tls/caCertificate", "wrong_type"),
        ({"tls": {"caCertificate": ""}}, "/tls/caCertificate", "string_too_short"),
        ({"tls": {"caCertificate": "x" * 65537}}, "/tls/caCertificate", "string_too_long"),
        ({"tls": {"caCertificate": "é"}}, "/tls/caCertificate", "invalid_character"),
        ({"tls": {"clientKey": "é"}}, "/tls/clientKey", "invalid_character"),
        ({"tls": {"hasClientKey": True}}, "/tls/hasClientKey", "immutable"),
        ({"tls": {"key": "x"}}, "/tls/key", "unknown_field"),
        ({"id": "x"}, "/id", "immutable"),
        ({"verification": {"state": "verified"}}, "/verification", "immutable"),
        ({"verification": None}, "/verification", "immutable"),
        ({"name": "Laboratory"}, "/name", "unknown_field"),
        ({"endpoint": ONE}, "/endpoint", "unknown_field"),
    ],
)
def test_a_setting_that_is_wrong_is_refused(strict: House, body: dict[str, Any], pointer: str, code: str) -> None:
    made = strict.destination(endpoint=ONE)
    before = settings(strict, made)
    answer = change(strict, made, body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])
    assert settings(strict, made) == before


def test_every_fault_of_the_settings_comes_back_at_once(strict: House) -> None:
    body = {"timeoutSeconds": 0, "id": "x", "colour": 1, "tls": {"caCertificate": "x", "clientKey": "y"}}
    assert sorted(change(strict, strict.destination(), body).faults) == [
        ("/colour", "unknown_field"),
        ("/id", "immutable"),
        ("/timeoutSeconds", "greater_than_equal"),
        ("/tls/caCertificate", "invalid_certificate"),
        ("/tls/clientCertificate", "invalid_certificate"),
    ]


@pytest.mark.parametrize("pem", ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\x00"])
def test_what_is_no_certificate_is_refused(strict: House, pem: str) -> None:
    answer = change(strict, strict.destination(), {"tls": {"caCertificate": pem}})
    assert (answer.status, answer.faults) == (400, [("/tls/caCertificate", "invalid_certificate")])


def encrypted(key: str) -> str:
    """The key under a password."""
    private = load_pem_private_key(key.encode(), None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()


def test_certificate_and_key_come_together_and_fit(
    strict: House, authority: Authority, identity: tuple[str, str]
) -> None:
    certificate, key = identity
    other_key = authority.issue("other")[1].read_text()
    made = strict.destination(endpoint=ONE)
    for tls in (
        {"clientCertificate": certificate},
        {"clientKey": key},
        {"clientCertificate": certificate, "clientKey": other_key},
        {"clientCertificate": certificate, "clientKey": certificate},
        {"clientCertificate": certificate, "clientKey": encrypted(key)},
        {"clientCertificate": "x", "clientKey": "y"},
    ):
        answer = change(strict, made, {"tls": tls})
        assert (answer.status, answer.faults) == (400, [("/tls/clientCertificate", "invalid_certificate")]), tls
    assert change(strict, made, {"tls": {"clientCertificate": certificate, "clientKey": key}}).status == 200


def test_certificate_and_key_go_together(strict: House, identity: tuple[str, str]) -> None:
    made = strict.destination(endpoint=ONE)
    change(strict, made, {"tls": {"clientCertificate": identity[0], "clientKey": identity[1]}})
    assert change(strict, made, {"tls": {"clientKey": None}}).status == 400
    assert change(strict, made, {"tls": {"clientCertificate": None}}).status == 400
    answer = change(strict, made, {"tls": {"clientCertificate": None, "clientKey": None}})
    assert answer.payload["destination"]["tls"] == {
        "caCertificate": None, "clientCertificate": None, "hasClientKey": False,
    }  # fmt: skip


def test_the_key_is_never_shown(strict: House, identity: tuple[str, str]) -> None:
    made = strict.destination(endpoint=ONE)
    answer = change(strict, made, {"tls": {"clientCertificate": identity[0], "clientKey": identity[1]}})
    assert answer.payload["destination"]["tls"]["hasClientKey"] is True
    assert answer.payload["destination"]["tls"]["clientCertificate"] == identity[0]
    shown = answer.body + strict.call("GET", ours(made)).body + strict.call("GET", path(made)).body
    assert b"PRIVATE" not in shown
    event = strict.events(made["id"])[-1]
    assert event["details"] == {"id": made["id"], "before": {}, "after": {"tls": "changed"}}


@pytest.mark.parametrize("field", ["caCertificate", "clientCertificate"])
def test_a_key_among_the_certificates_is_refused_because_they_are_shown(
    strict: House, identity: tuple[str, str], field: str
) -> None:
    body = {"tls": {field: identity[0] + identity[1]}}
    answer = change(strict, strict.destination(), body)
    assert (answer.status, (f"/tls/{field}", "private_key") in answer.faults) == (400, True)
    assert b"BEGIN" not in answer.body


def test_a_destinations_own_trust_and_identity_are_used(
    house: House, authority: Authority, identity: tuple[str, str], secure: Receiver
) -> None:
    made = house.destination("Production", endpoint=secure.url, verificationToken="t0ken")
    assert "unknown authority" in verify(house, made).json["detail"]
    assert change(house, made, {"tls": {"caCertificate": authority.pem}}).status == 200
    assert verify(house, made).status == 409
    tls = {"clientCertificate": identity[0], "clientKey": identity[1]}
    assert change(house, made, {"tls": tls}).status == 200
    assert verify(house, made).status == 200
    assert len(secure.requests) == 1


def test_another_authority_is_not_trusted(house: House, tmp_path: Path, secure: Receiver) -> None:
    made = house.destination(endpoint=secure.url, verificationToken="t0ken")
    assert change(house, made, {"tls": {"caCertificate": Authority(tmp_path).pem}}).status == 200
    assert verify(house, made).status == 409
    assert secure.requests == []


def test_settings_leave_a_verified_destination_verified(house: House, verified: Made) -> None:
    change(house, verified, {"timeoutSeconds": 5, "successStatus": "200", "sendTokenAsBearer": False})
    assert state(house, verified) == "verified"


def test_a_new_key_leaves_the_token_as_it_is(
    house: House, authority: Authority, identity: tuple[str, str], verified: Made, receiver: Receiver
) -> None:
    for certificate, key in (identity, tuple(file.read_text() for file in authority.issue("second"))):
        assert change(house, verified, {"tls": {"clientCertificate": certificate, "clientKey": key}}).status == 200
    assert verify(house, verified).status == 200
    assert receiver.requests[-1].json["verification-token"] == "t0ken"


def test_a_cloud_destination_has_settings_too(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE)
    assert change(strict, made, {"timeoutSeconds": 5}).payload["destination"]["timeoutSeconds"] == 5
