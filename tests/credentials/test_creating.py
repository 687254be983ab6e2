"""POST /platform/v1/authcredentials, and reading what was made."""

from typing import Any

import pytest

from tests.credentials.conftest import DEVELOPMENT, ORGANIZATION, PRODUCTION, SECRET, World, a_credential

PATH = "/platform/v1/authcredentials"


async def test_the_documented_request_makes_a_credential_of_the_documented_shape(world: World) -> None:
    answer = world.client("POST", PATH, a_credential(audience="https://api.example.com"))
    assert (answer.status, answer.json["meta"]) == (201, {"version": "1.0.0"})
    made = answer.payload["credential"]
    assert made == {
        "organization": ORGANIZATION,
        "name": "Sample Auth Credential",
        "environmentId": DEVELOPMENT,
        "id": made["id"],
        "createdAt": "2025-12-17T19:33:20.000Z",
        "updatedAt": "2025-12-17T19:33:20.000Z",
        "authStrategy": "OAuth_2.0_2-legged",
        "grantType": "client_credentials",
        "url": "https://login.example.com/oauth/token",
        "clientId": "the-client",
        "audience": "https://api.example.com",
        "hasClientSecret": True,
        "hasPassword": False,
    }
    assert world.get(made["id"]).payload["credential"] == made


async def test_every_documented_field_comes_back_or_is_masked(world: World) -> None:
    settings: dict[str, Any] = {
        "authStrategy": "OAuth_2.0_2-legged",
        "grantType": "password",
        "username": "nurse",
        "url": "https://login.example.com/token?tenant=1",
        "grantTypeName": "gt",
        "clientIdName": "cid",
        "clientSecretName": "cs",
        "refreshTokenName": "rt",
        "clientId": "the-client",
        "accessTokenName": "at",
        "expiresFieldName": "ei",
        "refreshGrantType": "refresh",
        "audience": "aud",
        "scopes": "a b",
        "contentType": "application/json",
        "noBasic": True,
        "resource": "res",
        "customFieldName": "tenant",
        "customFieldValue": "7",
        "defaultExpirationSeconds": 60,
    }
    made = world.create(**settings, password="the password")
    assert {name: made[name] for name in settings} == settings
    assert (made["hasPassword"], made["hasClientSecret"]) == (True, True)
    assert not {"password", "clientSecret"} & made.keys()


@pytest.mark.parametrize(("given", "kept"), [("true", True), ("false", False), (True, True), (False, False)])
async def test_no_basic_may_be_a_string_as_in_the_old_example(world: World, given: Any, kept: bool) -> None:
    assert world.create(noBasic=given)["noBasic"] is kept


async def test_a_lifetime_may_be_a_string_of_digits(world: World) -> None:
    assert world.create(defaultExpirationSeconds="90")["defaultExpirationSeconds"] == 90


async def test_organization_may_be_left_out(world: World) -> None:
    assert world.create(organization=None)["organization"] == ORGANIZATION


async def test_every_fault_comes_back_at_once(world: World) -> None:
    body = {
        "environmentId": DEVELOPMENT, "organization": 7, "url": "ftp://x", "clientSecret": 4, "noBasic": "yes",
        "colour": "red", "grantType": "magic", "contentType": "text/plain", "defaultExpirationSeconds": 0,
    }  # fmt: skip
    answer = world.client("POST", PATH, body)
    assert answer.status == 400
    assert sorted(answer.faults) == [
        ("/clientSecret", "wrong_type"),
        ("/colour", "unknown_field"),
        ("/contentType", "literal_error"),
        ("/defaultExpirationSeconds", "greater_than_equal"),
        ("/grantType", "literal_error"),
        ("/name", "required"),
        ("/noBasic", "wrong_type"),
        ("/organization", "wrong_organization"),
        ("/url", "invalid_url"),
    ]


FAULTS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"grantType": None}, ("/grantType", "required")),
    ({"url": None}, ("/url", "required")),
    ({"name": None}, ("/name", "required")),
    ({"name": "   "}, ("/name", "blank")),
    ({"name": "a\nb"}, ("/name", "invalid_character")),
    ({"name": "n" * 256}, ("/name", "string_too_long")),
    ({"name": 5}, ("/name", "wrong_type")),
    ({"organization": "118"}, ("/organization", "wrong_type")),
    ({"organization": 119}, ("/organization", "wrong_organization")),
    ({"environmentId": None}, ("/environmentId", "required")),
    ({"environmentId": 5}, ("/environmentId", "wrong_type")),
    ({"environmentId": ["x"]}, ("/environmentId", "wrong_type")),
    ({"authStrategy": "SAML"}, ("/authStrategy", "unknown_strategy")),
    ({"authStrategy": ["SAML"]}, ("/authStrategy", "wrong_type")),
    ({"hasClientSecret": True}, ("/hasClientSecret", "unknown_field")),
    ({"id": "x"}, ("/id", "unknown_field")),
    ({"clientSecret": " pasted"}, ("/clientSecret", "surrounding_whitespace")),
    ({"clientSecret": "pasted\n"}, ("/clientSecret", "surrounding_whitespace")),
    ({"clientSecret": "two\nlines"}, ("/clientSecret", "invalid_character")),
    ({"clientSecret": "zero\u200bwidth"}, ("/clientSecret", "invalid_character")),
    ({"clientSecret": ""}, ("/clientSecret", "string_too_short")),
    ({"clientSecret": "s" * 8193}, ("/clientSecret", "string_too_long")),
    ({"clientId": "a\rb"}, ("/clientId", "invalid_character")),
    ({"clientId": None}, ("/clientId", "required")),
    ({"scopes": "s" * 4097}, ("/scopes", "string_too_long")),
    ({"grantTypeName": "grant type"}, ("/grantTypeName", "invalid_character")),
    ({"clientIdName": "naïve"}, ("/clientIdName", "invalid_character")),
    ({"accessTokenName": "a" * 129}, ("/accessTokenName", "string_too_long")),
    ({"customFieldName": "x"}, ("/customFieldValue", "required")),
    ({"customFieldValue": "x"}, ("/customFieldName", "required")),
    ({"customFieldName": "grant_type", "customFieldValue": "x"}, ("/customFieldName", "shared_name")),
    ({"scopes": "s", "customFieldName": "scope", "customFieldValue": "x"}, ("/customFieldName", "shared_name")),
    ({"noBasic": True, "clientSecretName": "client_id"}, ("/clientSecretName", "shared_name")),
    ({"grantType": "password", "password": "p"}, ("/username", "required")),
    ({"grantType": "password", "username": "u"}, ("/password", "required")),
    ({"defaultExpirationSeconds": 10**9}, ("/defaultExpirationSeconds", "less_than_equal")),
    ({"defaultExpirationSeconds": True}, ("/defaultExpirationSeconds", "wrong_type")),
    ({"url": "https://user:pass@login.example.com/"}, ("/url", "invalid_url")),
    ({"url": "https://login.example.com/#x"}, ("/url", "invalid_url")),
    ({"url": "not a url"}, ("/url", "invalid_url")),
    ({"url": 7}, ("/url", "wrong_type")),
    ({"url": "http://10.0.0.1/token"}, ("/url", "address_not_allowed")),
    ({"url": "http://169.254.169.254/token"}, ("/url", "address_not_allowed")),
    ({"environmentId": PRODUCTION, "url": "http://login.example.com/"}, ("/url", "https_required")),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
async def test_what_is_wrong_is_named_by_pointer_and_code(
    world: World, changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = world.client("POST", PATH, a_credential(**changes))
    assert (answer.status, answer.faults) == (400, [fault])


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null"])
async def test_a_body_that_is_no_object_is_refused(world: World, body: bytes) -> None:
    answer = world.client("POST", PATH, body)
    assert (answer.status, answer.faults) == (400, [("", "wrong_type")])


async def test_an_unknown_field_is_a_fault_even_when_it_is_null(world: World) -> None:
    answer = world.client("POST", PATH, {**a_credential(), "colour": None})
    assert answer.faults == [("/colour", "unknown_field")]


async def test_a_null_is_as_good_as_a_field_left_out(world: World) -> None:
    answer = world.client("POST", PATH, {**a_credential(), "audience": None, "url": None})
    assert answer.faults == [("/url", "required")]


async def test_http_to_loopback_is_for_development_and_allowed_networks(world: World) -> None:
    assert world.create(url="http://127.0.0.1:9/token")["url"] == "http://127.0.0.1:9/token"


async def test_a_public_client_needs_no_secret(world: World) -> None:
    assert world.create(clientSecret=None)["hasClientSecret"] is False


async def test_creating_leaves_one_audit_event_and_one_commit(world: World) -> None:
    world.create()
    before = world.db.commits
    made = world.create(url="https://login.example.com/token?key=in-the-query")
    assert world.db.commits == before + 1
    event = (await world.events())[-1]
    assert (event["type"], event["environment_id"]) == ("auth-credential-created", DEVELOPMENT)
    assert made["id"] in event["details"]
    assert "in-the-query" not in event["details"]
    assert SECRET not in event["details"]
    assert world.woken == []


async def test_credentials_are_listed_oldest_first_and_of_their_environment_alone(world: World) -> None:
    first = world.create(name="one")
    world.clock.advance(1)
    second = world.create(name="two")
    other = world.create(environmentId=PRODUCTION)
    answer = world.client("GET", f"/platform/v1/environments/{DEVELOPMENT}/authcredentials")
    assert answer.payload == {"credentials": [first, second]}
    answer = world.client("GET", f"/platform/v1/environments/{PRODUCTION}/authcredentials")
    assert answer.payload == {"credentials": [other]}
