"""What the fields of an OAuth API key may hold."""

import base64
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from tests.apikeys.conftest import PRIVATE, Keys, public, rsa
from tests.support.rooms import DEVELOPMENT, PRODUCTION, STAGING
from waypost.apikeys.keyset import MOST_BYTES

P256 = {**ECKey.generate_key("P-256", private=False).as_dict(), "kid": "p256"}
ED25519 = {**OKPKey.generate_key("Ed25519", private=False).as_dict(), "kid": "ed"}

BAD_NAMES: list[tuple[Any, str]] = [
    (None, "wrong_type"),
    (7, "wrong_type"),
    ("", "string_too_short"),
    ("  ", "blank"),
    ("a" * 256, "string_too_long"),
    ("a\r\nb", "invalid_character"),
    ("a\x00", "invalid_character"),
]


@pytest.mark.parametrize(("name", "code"), BAD_NAMES)
def test_a_name_is_one_line_of_1_to_255(keys: Keys, name: Any, code: str) -> None:
    made = keys.made()
    for answer in (keys.create({"name": name}), keys.one("PATCH", made["id"], {"name": name})):
        assert (answer.status, answer.faults) == (400, [("/name", code)])


def test_the_longest_name_is_taken(keys: Keys) -> None:
    assert keys.made(name="é" * 255)["name"] == "é" * 255


def test_a_name_is_needed_and_unknown_fields_are_refused(keys: Keys) -> None:
    answer = keys.create({"id": "x", "environment": None, "colour": 1})
    assert answer.status == 400
    assert sorted(answer.faults) == [
        ("/colour", "unknown_field"),
        ("/environment", "unknown_field"),
        ("/id", "unknown_field"),
        ("/name", "required"),
    ]


@pytest.mark.parametrize("body", [[], "name", None, 3])
def test_a_body_is_an_object(keys: Keys, body: Any) -> None:
    made = keys.made()
    data = b"null" if body is None else None
    for answer in (keys.create(data or body), keys.one("PATCH", made["id"], data or body)):
        assert (answer.status, answer.faults) == (400, [("", "wrong_type")])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "invalid_url"),
        ("keys.example.com", "invalid_url"),
        ("ftp://keys.example.com/", "invalid_url"),
        ("https://user:pa55@keys.example.com/", "invalid_url"),
        ("https://127.0.0.1/jwks", "address_not_allowed"),
        ("https://0x7f.1/jwks", "address_not_allowed"),
        ("https://[::ffff:10.0.0.1]/jwks", "address_not_allowed"),
        ("https://metadata.google.internal/", "address_not_allowed"),
        ("https://keys.example.com/" + "a" * 2048, "string_too_long"),
    ],
)
def test_a_url_is_held_against_the_egress_policy(keys: Keys, url: str, code: str) -> None:
    made = keys.made()
    for answer in (keys.create({"name": "n", "jwksURL": url}), keys.one("PATCH", made["id"], {"jwksURL": url})):
        assert (answer.status, answer.faults) == (400, [("/jwksURL", code)])
        assert "pa55" not in answer.body.decode()


def test_plain_http_is_for_development_alone(keys: Keys) -> None:
    body = {"name": "n", "jwksURL": "http://keys.example.com/jwks"}
    assert keys.create(body, DEVELOPMENT).status == 201
    for environment_id in (STAGING, PRODUCTION):
        answer = keys.create(body, environment_id)
        assert (answer.status, answer.faults) == (400, [("/jwksURL", "https_required")])
    made = keys.create({"name": "n"}, PRODUCTION).payload["apikey"]
    assert keys.one("PATCH", made["id"], body).faults == [("/jwksURL", "https_required")]


@pytest.mark.parametrize("key", [P256, ED25519, rsa(2048), rsa(3072)], ids=["P-256", "Ed25519", "2048", "3072"])
def test_any_public_key_that_can_be_read_may_stand(keys: Keys, key: dict[str, Any]) -> None:
    assert keys.made(jwkSet={"keys": [key]})["jwkSet"] == {"keys": [key]}


@pytest.mark.parametrize("kind", PRIVATE)
def test_a_private_key_is_refused_and_never_repeated(keys: Keys, kind: str) -> None:
    key = PRIVATE[kind]()
    answer = keys.create({"name": "n", "jwkSet": {"keys": [public(), key]}})
    assert (answer.status, answer.faults) == (400, [("/jwkSet/keys/1", "private_key")])
    secrets = [value for name, value in key.items() if name in {"d", "k", "p"}]
    assert secrets
    assert not any(secret in answer.body.decode() for secret in secrets)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
def test_one_private_member_is_enough(keys: Keys, member: str) -> None:
    answer = keys.create({"name": "n", "jwkSet": {"keys": [public(**{member: "AQAB"})]}})
    assert (answer.status, answer.faults) == (400, [("/jwkSet/keys/0", "private_key")])


def _modulus(bits: int) -> dict[str, Any]:
    n = (1 << (bits - 1)) | 1
    return {
        "kty": "RSA", "kid": "n", "e": "AQAB",
        "n": base64.urlsafe_b64encode(n.to_bytes((bits + 7) // 8)).decode().rstrip("="),
    }  # fmt: skip


NESTED: Any = []
for _ in range(20):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (_modulus(1024), "key_size"),
        (_modulus(2047), "key_size"),
        (_modulus(8200), "key_size"),
        ({**public(), "alg": "ES384", "crv": "P-999"}, "invalid_key"),
        ({**P256, "alg": "ES384"}, "invalid_key"),
        ({**public(), "x": "AAAA"}, "invalid_key"),
        ({**public(), "x": 5}, "invalid_key"),
        ({**public(), "x": None}, "invalid_key"),
        ({**public(), "key_ops": {"a": 1}}, "invalid_key"),
        ({**public(), "use": "other", "key_ops": ["verify"]}, "invalid_key"),
        ({"kid": "a", "kty": "EC"}, "invalid_key"),
        ({"kid": "a", "kty": "RSA"}, "invalid_key"),
        ({"kid": "a", "kty": "RSA", "n": "é", "e": "AQAB"}, "invalid_key"),
        ({"kid": "a", "kty": "RSA", "n": ["x"], "e": "AQAB"}, "invalid_key"),
        ({"kid": "a", "kty": "oct"}, "invalid_key"),
        ({"kid": "a", "kty": "AKP", "pub": "x"}, "invalid_key"),
        ({**ED25519, "x": "AA"}, "invalid_key"),
        (public(note="a" * MOST_BYTES), "invalid_key"),
        (public(note=NESTED), "invalid_key"),
        (public(note={"a": [{"b": [{}]}]}), "invalid_key"),
    ],
)
def test_a_key_must_be_readable_strong_and_of_a_key_s_size(keys: Keys, key: dict[str, Any], code: str) -> None:
    answer = keys.create({"name": "n", "jwkSet": {"keys": [key]}})
    assert (answer.status, answer.faults) == (400, [("/jwkSet/keys/0", code)])


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ({"kty": "EC"}, ("/jwkSet/keys/0/kid", "required")),
        ({"kid": "a"}, ("/jwkSet/keys/0/kty", "required")),
        (public(kid=""), ("/jwkSet/keys/0/kid", "string_too_short")),
        (public(kid="a" * 256), ("/jwkSet/keys/0/kid", "string_too_long")),
        ({**public(), "kid": 1}, ("/jwkSet/keys/0/kid", "wrong_type")),
        ({**public(), "kty": None}, ("/jwkSet/keys/0/kty", "wrong_type")),
        ("a", ("/jwkSet/keys/0", "wrong_type")),
        (None, ("/jwkSet/keys/0", "wrong_type")),
    ],
)
def test_a_key_has_a_kid_and_a_type(keys: Keys, key: Any, fault: tuple[str, str]) -> None:
    answer = keys.create({"name": "n", "jwkSet": {"keys": [key]}})
    assert (answer.status, answer.faults) == (400, [fault])


@pytest.mark.parametrize(
    ("jwk_set", "fault"),
    [
        ([], ("/jwkSet", "wrong_type")),
        ({}, ("/jwkSet/keys", "required")),
        ({"keys": {}}, ("/jwkSet/keys", "wrong_type")),
        ({"keys": None}, ("/jwkSet/keys", "wrong_type")),
        ({"keys": [], "issuer": "x"}, ("/jwkSet/issuer", "unknown_field")),
        ({"keys": [public("a"), public("b"), public("a")]}, ("/jwkSet", "duplicate_kid")),
    ],
)
def test_a_set_has_keys_and_nothing_else(keys: Keys, jwk_set: Any, fault: tuple[str, str]) -> None:
    made = keys.made()
    for answer in (
        keys.create({"name": "n", "jwkSet": jwk_set}),
        keys.one("PATCH", made["id"], {"jwkSet": jwk_set}),
    ):
        assert (answer.status, answer.faults) == (400, [fault])


def test_a_set_has_at_most_twenty_keys(keys: Keys) -> None:
    twenty = [public(str(number)) for number in range(20)]
    assert len(keys.made(jwkSet={"keys": twenty})["jwkSet"]["keys"]) == 20
    answer = keys.create({"name": "n", "jwkSet": {"keys": [*twenty, public("one more")]}})
    assert (answer.status, answer.faults) == (400, [("/jwkSet/keys", "too_long")])


def test_every_fault_comes_back_at_once(keys: Keys) -> None:
    body = {"jwksURL": "http://127.0.0.1/", "jwkSet": {"keys": [{"kid": "a", "kty": "oct"}]}, "x": 1}
    assert sorted(keys.create(body, PRODUCTION).faults) == [
        ("/jwkSet/keys/0", "invalid_key"),
        ("/jwksURL", "https_required"),
        ("/name", "required"),
        ("/x", "unknown_field"),
    ]
