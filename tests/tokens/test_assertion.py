"""The client's side: key pairs and assertions."""

import subprocess
import sys
import time
from typing import Any, Literal

import pytest
from joserfc import jwt
from joserfc.jwk import import_key

from waypost import jwks
from waypost.tokens import assertion
from waypost.tokens.assertion import public_of


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_a_new_key_signs_what_its_public_half_verifies(alg: Literal["RS384", "ES384"]) -> None:
    private = assertion.new_key(alg)
    public = public_of(private)
    assert (private["alg"], public["kid"]) == (alg, private["kid"])
    assert jwks.faults_of(public, "") == []
    signed = assertion.assertion(private, "client", "audience")
    token: Any = jwt.decode(signed, import_key(public), algorithms=[alg])
    assert token.header == {"typ": "JWT", "alg": alg, "kid": private["kid"]}
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client", "client", "audience")
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - time.time()) < 5


def test_the_public_half_has_no_private_member() -> None:
    for alg in ("RS384", "ES384"):
        private = assertion.new_key(alg)
        kept = set(public_of(private))
        assert kept <= {"kty", "n", "e", "crv", "x", "y", "kid", "alg", "use"}


def test_two_keys_and_two_assertions_are_never_the_same() -> None:
    one, other = assertion.new_key("ES384"), assertion.new_key("ES384")
    assert one["kid"] != other["kid"]
    assert assertion.assertion(one, "c", "a") != assertion.assertion(one, "c", "a")


def test_the_command_line_can_sign_without_loading_the_server() -> None:
    code = "import sys; import waypost.tokens.assertion; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "joserfc.jwt" in loaded
    assert {"sqlalchemy", "fastapi", "pydantic", "msgspec"}.isdisjoint(loaded)
