"""PATCH: every field that is wrong gets a fault with its pointer, all at once, and nothing changes."""

from typing import Any

import pytest

from tests.destinations.calls import AZURE, get, patch
from tests.support.house import House

ONE = "https://one.example.com/in"
NOBODYS = "7d7f5d4e-3c49-4b53-8d5c-2a1f6f1f0b11"

Case = tuple[dict[str, Any], str, str]

WRONG_TYPES: list[Case] = [
    ({field: value}, f"/{field}", "wrong_type")
    for field in ("name", "authCredential", "endpoint", "verificationToken")
    for value in (1, 1.5, True, ["x"], {"x": "y"})
]
NULLS: list[Case] = [({field: None}, f"/{field}", "wrong_type") for field in ("name", "endpoint")]
NAMES: list[Case] = [
    ({"name": name}, "/name", code)
    for name, code in {
        "": "string_too_short",
        "x" * 256: "string_too_long",
        " ": "blank",
        "\u2003\u00a0": "blank",
        "a\nb": "invalid_character",
        "a\r\nX-Header: y": "invalid_character",
        "a\tb": "invalid_character",
        "a\x00b": "invalid_character",
        "a\x7fb": "invalid_character",
        "a\x85b": "invalid_character",
        "a\u2028b": "invalid_character",
    }.items()
]
TOKENS: list[Case] = [
    ({"verificationToken": token}, "/verificationToken", code)
    for token, code in {
        "": "string_too_short",
        "x" * 1025: "string_too_long",
        "a b": "invalid_character",
        " ": "invalid_character",
        "a\r\nX-Header: y": "invalid_character",
        "a\n": "invalid_character",
        "a\x00": "invalid_character",
        "a\x7f": "invalid_character",
        "tökén": "invalid_character",
    }.items()
]
CREDENTIALS: list[Case] = [
    ({"authCredential": value}, "/authCredential", "invalid_uuid")
    for value in ("", "x", f"{{{NOBODYS}}}", NOBODYS.replace("-", ""), f"urn:uuid:{NOBODYS}", NOBODYS + "\n")
]
UNKNOWN: list[Case] = [
    ({field: "x"}, "/" + field.replace("~", "~0").replace("/", "~1"), "unknown_field")
    for field in (
        "Name",
        "auth_credential",
        "url",
        "verificationStatus",
        "timeoutSeconds",
        "",
        "a/b",
        "~",
        "__proto__",
    )
]


@pytest.mark.parametrize(("body", "pointer", "code"), WRONG_TYPES + NULLS + NAMES + TOKENS + CREDENTIALS + UNKNOWN)
def test_a_field_that_is_wrong_is_refused_with_its_pointer(
    strict: House, body: dict[str, Any], pointer: str, code: str
) -> None:
    made = strict.destination(endpoint=ONE)
    answer = patch(strict, made, body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])
    assert get(strict, made) == made


@pytest.mark.parametrize("body", [b"[]", b'["name"]', b'"name"', b"1", b"true", b"null"])
def test_a_body_that_is_not_an_object_is_refused(strict: House, body: bytes) -> None:
    answer = patch(strict, strict.destination(), body)
    assert (answer.status, answer.faults) == (400, [("", "wrong_type")])


def test_an_unknown_credential_is_refused(strict: House) -> None:
    answer = patch(strict, strict.destination(), {"authCredential": NOBODYS})
    assert (answer.status, answer.faults) == (400, [("/authCredential", "unknown_credential")])


def test_a_credential_of_another_environment_is_refused_as_if_it_were_unknown(strict: House) -> None:
    made = strict.destination()
    unknown = patch(strict, made, {"authCredential": NOBODYS}).json
    theirs = [strict.credential("Staging"), strict.credential("Production"), strict.credential(by="outsider")]
    assert [patch(strict, made, {"authCredential": found}).json for found in theirs] == [unknown] * 3


def test_a_deleted_credential_is_refused(strict: House) -> None:
    credential = strict.credential()
    assert strict.call("DELETE", f"/platform/v1/authcredentials/{credential}").status == 200
    answer = patch(strict, strict.destination(), {"authCredential": credential})
    assert answer.faults == [("/authCredential", "unknown_credential")]


def test_a_credential_in_use_is_not_deleted_from_under_its_destination(strict: House) -> None:
    credential = strict.credential()
    made = strict.destination(authCredential=credential)
    assert strict.call("DELETE", f"/platform/v1/authcredentials/{credential}").status == 409
    assert patch(strict, made, {"name": "Laboratory"}).payload["destination"]["authCredential"] == credential


def test_a_cloud_destination_takes_no_endpoint(strict: House) -> None:
    answer = patch(strict, strict.destination(cloudProviderSettings=AZURE), {"endpoint": ONE})
    assert (answer.status, answer.faults) == (400, [("/endpoint", "cloud_destination")])


def test_a_field_that_cannot_change_is_accepted_when_equal(strict: House) -> None:
    made = strict.destination(
        cloudProviderSettings=AZURE, setupState={"step": "one", "destination": {"name": None}}
    )
    for field in ("id", "environment", "cloudProviderSettings", "setupState"):
        answer = patch(strict, made, {field: made[field]})
        assert (answer.status, answer.payload["destination"]) == (200, made), field


@pytest.mark.parametrize("field", ["cloudProviderSettings", "setupState"])
def test_null_is_what_an_absent_field_is_equal_to(strict: House, field: str) -> None:
    assert patch(strict, strict.destination(endpoint=ONE), {field: None}).status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", NOBODYS),
        ("id", None),
        ("id", 1),
        ("environment", {"id": NOBODYS, "environmentFlag": "Development"}),
        ("environment", {"environmentFlag": "Production"}),
        ("environment", {}),
        ("environment", None),
        ("environment", "Production"),
        ("cloudProviderSettings", AZURE),
        ("cloudProviderSettings", {}),
        ("setupState", {"step": "one"}),
        ("setupState", {}),
    ],
)
def test_a_field_that_cannot_change_is_refused_when_it_differs(strict: House, field: str, value: Any) -> None:
    made = strict.destination(endpoint=ONE)
    answer = patch(strict, made, {field: value})
    assert (answer.status, answer.faults) == (400, [(f"/{field}", "immutable")])
    assert get(strict, made) == made


def test_a_member_deep_in_an_unchangeable_field_is_named_by_the_field(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE)
    moved = AZURE | {"settings": {"containerName": "elsewhere", "storageAccountName": "clinicdata"}}
    answer = patch(strict, made, {"cloudProviderSettings": moved})
    assert answer.faults == [("/cloudProviderSettings", "immutable")]


def test_null_cannot_take_the_cloud_settings_or_the_set_up_away(strict: House) -> None:
    made = strict.destination(cloudProviderSettings=AZURE, setupState={"step": "one"})
    answer = patch(strict, made, {"cloudProviderSettings": None, "setupState": None})
    assert answer.faults == [("/cloudProviderSettings", "immutable"), ("/setupState", "immutable")]


def test_every_fault_comes_back_at_once(strict: House) -> None:
    made = strict.destination("Production", endpoint=ONE)
    body = {
        "name": "",
        "authCredential": NOBODYS,
        "endpoint": "http://10.0.0.1/",
        "verificationToken": "a b",
        "id": NOBODYS,
        "environment": None,
        "setupState": {"step": "x"},
        "cloudProviderSettings": AZURE,
        "colour": "red",
    }
    answer = patch(strict, made, body)
    assert answer.status == 400
    assert sorted(answer.faults) == [
        ("/authCredential", "unknown_credential"),
        ("/cloudProviderSettings", "immutable"),
        ("/colour", "unknown_field"),
        ("/endpoint", "address_not_allowed"),
        ("/endpoint", "https_required"),
        ("/environment", "immutable"),
        ("/id", "immutable"),
        ("/name", "string_too_short"),
        ("/setupState", "immutable"),
        ("/verificationToken", "invalid_character"),
    ]
    assert answer.json["detail"] == "10 things are wrong with the request."
    assert get(strict, made) == made


def test_a_refusal_never_repeats_what_was_sent(strict: House) -> None:
    secret = "zzz-secret zzz"
    body = {
        "name": secret + "\n",
        "authCredential": secret,
        "endpoint": f"ftp://{secret}",
        "verificationToken": secret,
        "id": secret,
        "environment": {"id": secret},
        "setupState": secret,
        "cloudProviderSettings": secret,
    }
    answer = patch(strict, strict.destination(), body)
    assert (answer.status, len(answer.faults)) == (400, 8)
    assert b"zzz" not in answer.body
    assert "zzz" not in str(answer.headers)


def test_every_fault_says_what_to_do(strict: House) -> None:
    answer = patch(strict, strict.destination(), {"name": 1, "endpoint": "x", "colour": 1})
    assert all(len(fault["detail"].split()) > 3 for fault in answer.json["errors"])
