"""The key that Waypost makes and holds: made when none is given, shown by its public half, replaced by null."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import ECKey, RSAKey

from tests.credentials.conftest import DEVELOPMENT, World
from tests.credentials.strategies.cases import pem
from waypost.credentials.strategies import keys

PATH = "/platform/v1/authcredentials"


def smart(**changes: Any) -> dict[str, Any]:
    return {
        "name": "n", "environmentId": DEVELOPMENT, "authStrategy": "SMART_Backend",
        "url": "https://fhir.example.com/token", "clientId": "app", "algorithm": "ES384", **changes,
    }  # fmt: skip


def jwks(world: World, credential_id: str) -> Any:
    answer = world.client("GET", f"/waypost/v1/credentials/{credential_id}/jwks.json", token="")
    return answer.json["keys"] if answer.status == 200 else answer.status


def in_format(key: Any, encoding: PrivateFormat) -> str:
    return str(key.private_bytes(Encoding.PEM, encoding, NoEncryption()).decode())


async def test_a_key_is_made_shown_and_replaced(world: World) -> None:
    made = world.client("POST", PATH, smart()).payload["credential"]
    assert made["hasPrivateKey"] is True
    (first,) = jwks(world, made["id"])
    assert first.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (first["alg"], first["kid"]) == ("ES384", ECKey.import_key(first).thumbprint())
    assert world.patch(made["id"], {"name": "renamed"}).status == 200
    assert jwks(world, made["id"]) == [first]
    assert world.patch(made["id"], {"algorithm": "RS384"}).faults == [("/privateKey", "unusable_key")]
    changed = world.patch(made["id"], {"algorithm": "RS384", "privateKey": None})
    assert (changed.status, changed.payload["credential"]["hasPrivateKey"]) == (200, True)
    (second,) = jwks(world, made["id"])
    assert (second["kty"], second["alg"]) == ("RSA", "RS384")
    moved = world.patch(made["id"], {"url": "https://other.example.com/token", "privateKey": None})
    assert moved.status == 200
    assert jwks(world, made["id"]) != [second]
    assert json.loads((await world.events())[-1]["details"])["after"]["privateKey"] == "changed"


async def test_the_key_set_is_open_kept_a_while_and_names_the_issuer(world: World) -> None:
    made = world.client("POST", PATH, smart()).payload["credential"]
    answer = world.client("GET", f"/waypost/v1/credentials/{made['id']}/jwks.json", token="")
    assert answer.headers["cache-control"] == "public, max-age=300"
    place = world.home(made["id"])
    known = world.client(
        "GET", f"/waypost/v1/credentials/{made['id']}/.well-known/openid-configuration", token=""
    ).json
    assert (known["issuer"], known["jwks_uri"]) == (place, f"{place}/jwks.json")
    assert known["id_token_signing_alg_values_supported"] == ["ES384"]


async def test_a_credential_without_such_a_key_shows_nothing(world: World) -> None:
    oauth = world.create()
    for unknown in (oauth["id"], "497f6eca-6276-4993-bfeb-53cbbbba6f08", "x"):
        assert jwks(world, unknown) == 404


async def test_a_jwk_keeps_its_id(world: World) -> None:
    jwk = {**ECKey.generate_key("P-384").as_dict(private=True), "kid": "mine", "use": "sig"}
    made = world.client("POST", PATH, smart(privateKey=json.dumps(jwk))).payload["credential"]
    assert [(key["kid"], key["x"]) for key in jwks(world, made["id"])] == [("mine", jwk["x"])]


P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
LOCKED = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
PUBLIC_JWK = json.dumps(RSAKey(RSA, None).as_dict(private=False))


def bent() -> str:
    """A JWK whose numbers do not belong together."""
    jwk = RSAKey(RSA, None).as_dict(private=True)
    return json.dumps({**jwk, "p": jwk["q"], "q": jwk["p"], "dp": jwk["dq"], "dq": jwk["dp"], "qi": "AQAB"})


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (in_format(P384, PrivateFormat.PKCS8), "ES384"),
        (in_format(P384, PrivateFormat.TraditionalOpenSSL), "ES384"),
        (in_format(RSA, PrivateFormat.PKCS8), "RS384"),
        (in_format(RSA, PrivateFormat.TraditionalOpenSSL) + "\n", "RS384"),
        (json.dumps(RSAKey(RSA, None).as_dict(private=True)), "RS384"),
    ],
    ids=["PKCS 8", "SEC 1", "RSA in PKCS 8", "PKCS 1", "JWK"],
)
def test_a_key_is_taken_in_every_usual_form(text: str, algorithm: str) -> None:
    assert (keys.is_readable(text), keys.is_sound(text), keys.fits(text, algorithm)) == (True, True, True)
    claims = keys.assertion(text, algorithm, {"iss": "i"}, now_ms=1000)
    assert claims.count(".") == 2


WRONG = {
    "no key": "canary",
    "locked": LOCKED,
    "public": PUBLIC_JWK,
    "another curve's": in_format(P256, PrivateFormat.PKCS8),
    "RSA": in_format(RSA, PrivateFormat.PKCS8),
    "a JWK of another kind": '{"kty": "oct", "k": "AAAA"}',
    "a list": "[1]",
    "deep": "{" * 3000,
    "bent": bent(),
    "short": in_format(rsa.generate_private_key(65537, 1024), PrivateFormat.PKCS8),
    "huge numbers": json.dumps(
        {"kty": "RSA", **dict.fromkeys(["n", "e", "d", "p", "q", "dp", "dq", "qi"], "A" * 1900)}
    ),
}


async def test_what_is_no_key_for_the_algorithm_is_refused_in_words(world: World) -> None:
    for name, text in WRONG.items():
        answer = world.client("POST", PATH, smart(privateKey=text))
        assert answer.faults == [("/privateKey", "unusable_key")], name
        assert b"canary" not in answer.body
    bent_alone = world.client("POST", PATH, smart(privateKey=WRONG["bent"], algorithm="RS384"))
    assert bent_alone.faults == [("/privateKey", "unusable_key")]
    made = world.client("POST", PATH, smart()).payload["credential"]
    changed = world.patch(made["id"], {"privateKey": WRONG["bent"], "algorithm": "RS384"})
    assert changed.faults == [("/privateKey", "unusable_key")]
    both = world.client("POST", PATH, smart(privateKey=WRONG["bent"], clientId=None, algorithm="none"))
    assert {pointer for pointer, _ in both.faults} == {"/privateKey", "/clientId", "/algorithm"}


def test_each_assertion_has_an_id_of_its_own_and_holds_for_five_minutes() -> None:
    texts = {keys.assertion(pem("ES384"), "ES384", {}, now_ms=0) for _ in range(50)}
    ids = {json.loads(_decoded(text.split(".")[1]))["jti"] for text in texts}
    assert len(ids) == 50
    claims = json.loads(_decoded(texts.pop().split(".")[1]))
    assert claims["exp"] - claims["iat"] == 300


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
