"""Exchanging an assertion: every documented refusal, and that nothing but a good assertion gives a token."""

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.support import keys
from tests.support.serving import Answer
from tests.tokens.conftest import AUDIENCE, World

from waypost.access import operator
from waypost.audit import store as audit
from waypost.tokens import assertion, store
from waypost.tokens.assertion import ASSERTION_TYPE, public_of
from waypost.tokens.model import Issued, Refusal
from waypost.users import store as users

UNKNOWN = "Public key not found, check client_id, kid and Redox dashboard settings"
ERROR_URI = "https://docs.redoxengine.com/permalink/7sEi7MTFssZ1JuHpUYLeYJ"
GRANT = {"grant_type": "client_credentials"}
TYPE = {"client_assertion_type": ASSERTION_TYPE}


def refused(answer: Answer, description: str, *, status: int = 400) -> None:
    """The answer is exactly the documented error."""
    error = "invalid_client" if status == 401 else "invalid_request"
    assert (answer.status, answer.json) == (
        status,
        {"error": error, "error_description": description, "error_uri": ERROR_URI},
    )
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def unsigned(header: Any, claims: Any, signature: str = "AAAA") -> str:
    def part(value: Any) -> str:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}.{signature}"


def with_header(world: World, header: dict[str, Any]) -> str:
    """A well-signed assertion of Ann's whose header no library would write."""
    text = unsigned(header, world.claims(), "").removesuffix(".")
    key = ECKey.import_key(public_of(keys.ec()) | {"d": keys.ec()["d"]})
    assert isinstance(key.raw_value, ec.EllipticCurvePrivateKey)
    der = key.raw_value.sign(text.encode(), ec.ECDSA(hashes.SHA384()))
    signature = b"".join(number.to_bytes(48) for number in decode_dss_signature(der))
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("key", [keys.rsa(), keys.ec()], ids=["RS384", "ES384"])
def test_a_good_assertion_gives_a_token_of_five_minutes(world: World, key: dict[str, Any]) -> None:
    answer = world.exchange(world.signed(key))
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json.pop("access_token")
    assert answer.json | {"access_token": ""} == {
        "access_token": "", "token_type": "Bearer", "expires_in": 300, "scope": "platform",
    }  # fmt: skip
    assert world.who(token).status == 200


@pytest.mark.parametrize(
    ("fields", "description"),
    [
        ({}, "Missing grant_type parameter"),
        ({"grant_type": ""}, "Missing grant_type parameter"),
        ({"grant_type": "password"}, "The grant_type parameter should equal 'client_credentials'"),
        (GRANT, "Missing client assertion type"),
        ({**GRANT, "client_assertion_type": "jwt"}, "Invalid client assertion type"),
        ({**GRANT, **TYPE}, "Missing client assertion"),
        ({**GRANT, **TYPE, "client_assertion": ""}, "Missing client assertion"),
        ({**GRANT, **TYPE, "client_assertion": "no.jwt"}, ""),
        ({**GRANT, **TYPE, "client_assertion": "a.b.c"}, ""),
    ],
)
def test_each_fault_of_the_form_has_its_documented_description(
    world: World, fields: dict[str, str], description: str
) -> None:
    refused(world.post(fields), description)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain", ""])
def test_only_a_form_is_read(world: World, content_type: str) -> None:
    answer = world.post(assertion.form(world.signed()), content_type)
    refused(answer, "x-www-form-urlencoded content-type required")


def test_a_charset_beside_the_content_type_is_fine(world: World) -> None:
    answer = world.post(assertion.form(world.signed()), "Application/X-WWW-Form-Urlencoded; charset=UTF-8")
    assert answer.status == 200


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"grant_type=%ff", b"&".join([b"a=b"] * 60), b"grant_type=client_credentials&grant_type=x"],
)
def test_a_form_that_cannot_be_read_is_refused(world: World, data: bytes) -> None:
    refused(world.post(data), "")


def test_a_form_without_end_is_too_large(world: World) -> None:
    assert world.post(b"grant_type=" + b"x" * 1_000_001).status == 413


def test_a_header_without_kid_is_named(world: World) -> None:
    for header in ({"alg": "RS384"}, {"alg": "RS384", "kid": ""}, {"alg": "ES384", "kid": 5}):
        refused(world.exchange(unsigned(header, world.claims())), "JWT header kid property is required")


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "HS384", "RS256", "ES256", "PS384", "", None, ["RS384"]])
def test_no_other_algorithm_is_taken(world: World, alg: Any) -> None:
    header = {"alg": alg, "kid": "rsa"}
    refused(world.exchange(unsigned(header, world.claims())), "")
    refused(world.exchange(unsigned(header, world.claims(), "")), "")


def test_a_public_key_used_as_a_shared_secret_opens_nothing(world: World) -> None:
    pem = RSAKey.import_key(public_of(keys.rsa())).as_pem(private=False)
    secret = OctKey.import_key(base64.urlsafe_b64encode(pem))
    for alg in ("HS256", "HS384"):
        refused(world.exchange(jwt.encode({"alg": alg, "kid": "rsa"}, world.claims(), secret, [alg])), "")


def test_a_real_rs256_signature_is_refused(world: World) -> None:
    key = RSAKey.import_key({name: value for name, value in keys.rsa().items() if name != "alg"})
    refused(world.exchange(jwt.encode({"alg": "RS256", "kid": "rsa"}, world.claims(), key, ["RS256"])), "")


def test_unknown_client_unknown_kid_wrong_key_and_bad_signature_look_the_same(world: World) -> None:
    good = world.signed()
    head, claims, signature = good.split(".")
    stranger = {**keys.ec("stranger"), "kid": "ec"}
    other_kind = {**keys.rsa(), "kid": "ec"}
    answers = [
        world.exchange(world.signed(iss="nobody", sub="nobody")),
        world.exchange(world.signed({**keys.ec(), "kid": "unknown"})),
        world.exchange(world.signed({**keys.ec(), "kid": "k" * 300})),
        world.exchange(world.signed(iss="c" * 300)),
        world.exchange(world.signed(stranger)),
        world.exchange(world.signed(other_kind)),
        world.exchange(f"{head}.{claims}.{'A' * len(signature)}"),
        world.exchange(f"{head}.{claims}."),
        world.exchange(f"{head}.{unsigned({}, world.claims()).split('.')[1]}.{signature}"),
    ]
    for answer in answers:
        refused(answer, UNKNOWN, status=401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_issuer_is_needed_to_know_whose_key_it_is(world: World) -> None:
    for issuer in ("", 5, None, ["x"]):
        refused(world.exchange(world.signed(iss=issuer)), "Unexpected iss claim value")


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"sub": "another"}, "Unexpected sub claim value"),
        ({"sub": None}, "Unexpected sub claim value"),
        ({"aud": "https://elsewhere.test/v2/auth/token"}, ""),
        ({"aud": AUDIENCE + "/"}, ""),
        ({"aud": ["https://elsewhere.test"]}, ""),
        ({"aud": []}, ""),
        ({"aud": [[AUDIENCE]]}, ""),
        ({"aud": {AUDIENCE: 1}}, ""),
        ({"aud": None}, ""),
        ({"jti": None}, ""),
        ({"jti": ""}, ""),
        ({"jti": 5}, ""),
        ({"jti": "x" * 256}, ""),
        ({"iat": None}, ""),
        ({"iat": "now"}, ""),
        ({"iat": True}, ""),
        ({"iat": 10**400}, ""),
        ({"exp": None}, "Unexpected exp claim value"),
        ({"exp": "later"}, "Unexpected exp claim value"),
        ({"exp": 10**400}, "Unexpected exp claim value"),
        ({"nbf": "x"}, "Unexpected nbf claim value"),
    ],
)
def test_each_claim_is_checked(world: World, changes: dict[str, Any], description: str) -> None:
    answer = world.exchange(world.signed(**changes))
    refused(answer, description)


@pytest.mark.parametrize(
    ("claim", "seconds", "description"),
    [
        ("iat", -310, None),
        ("iat", -311, ""),
        ("iat", 10, None),
        ("iat", 11, ""),
        ("exp", 1, None),
        ("exp", 0, "Unexpected exp claim value"),
        ("exp", -1, "Unexpected exp claim value"),
        ("exp", 3600, None),
        ("exp", 3601, "Unexpected exp claim value"),
        ("nbf", 10, None),
        ("nbf", 11, "Unexpected nbf claim value"),
    ],
)
def test_times_are_held_to_the_second(world: World, claim: str, seconds: int, description: str | None) -> None:
    changes: dict[str, Any] = {claim: world.clock.now_ms() // 1000 + seconds}
    answer = world.exchange(world.signed(**changes))
    if description is None:
        assert answer.status == 200, answer.body
    else:
        refused(answer, description)


def test_our_audience_may_stand_in_a_list(world: World) -> None:
    assert world.exchange(world.signed(aud=["https://elsewhere.test", AUDIENCE])).status == 200


async def test_an_assertion_is_spent_by_its_use_over_restarts_too(world: World) -> None:
    signed = world.signed(jti="once")
    assert world.exchange(signed).status == 200
    refused(world.exchange(signed), "")
    refused(world.exchange(world.signed(jti="once")), "")
    with pytest.raises(Refusal) as caught:
        await world.restarted().exchange(assertion.form(signed))
    assert caught.value.body["error_description"] == ""
    world.clock.advance(100)
    refused(world.exchange(signed), "")


async def test_of_many_that_replay_an_assertion_at_once_one_gets_a_token(world: World) -> None:
    form = assertion.form(world.signed())
    nodes = [world.restarted() for _ in range(4)]
    found = await asyncio.gather(*(node.exchange(form) for node in nodes * 3), return_exceptions=True)
    assert sum(isinstance(one, Issued) for one in found) == 1
    assert sum(isinstance(one, Refusal) for one in found) == 11


def test_a_refused_assertion_is_not_spent(world: World) -> None:
    refused(world.exchange(world.signed(jti="later", aud="x")), "")
    assert world.exchange(world.signed(jti="later")).status == 200


async def test_two_clients_may_choose_the_same_jti(world: World) -> None:
    made = await world.apikeys.add(operator("x"), world.tenant.development, "key", public_of(keys.ec()))
    assert world.exchange(world.signed(jti="same")).status == 200
    assert world.exchange(world.signed(jti="same", iss=made.id, sub=made.id)).status == 200


async def test_spent_assertions_are_forgotten_once_they_have_expired(world: World) -> None:
    for _ in range(3):
        world.token()
    world.clock.advance(3600)
    world.token()
    rows = await world.db.read(lambda tx: tx.execute(store.token_assertion.select()).all())
    assert len(rows) == 1


async def test_the_exchange_is_the_users_last_login(world: World) -> None:
    assert (await world.db.read(lambda tx: users.get(tx, world.ann.user.id))).last_login is None
    world.exchange(world.signed(aud="x"))
    assert (await world.db.read(lambda tx: users.get(tx, world.ann.user.id))).last_login is None
    world.token()
    ann = await world.db.read(lambda tx: users.get(tx, world.ann.user.id))
    assert ann.last_login == world.clock.now_ms()


async def test_an_api_key_gives_a_source_token(world: World) -> None:
    made = await world.apikeys.add(operator("x"), world.tenant.development, "key", public_of(keys.rsa()))
    answer = world.exchange(world.signed(keys.rsa(), iss=made.id, sub=made.id))
    assert (answer.status, answer.json["scope"]) == (200, "endpoint")
    principal = world.who(answer.json["access_token"]).payload["principal"]
    assert principal == f"Source(client_id='{made.id}', environment_id='{world.tenant.development}')"


async def test_a_revoked_key_exchanges_nothing(world: World) -> None:
    made = await world.apikeys.add(operator("x"), world.tenant.development, "key", public_of(keys.ec()))
    await world.apikeys.delete(operator("x"), made.id)
    refused(world.exchange(world.signed(iss=made.id, sub=made.id)), UNKNOWN, status=401)
    await world.users.revoke_key(operator("x"), world.client_id)
    refused(world.exchange(world.signed()), UNKNOWN, status=401)


@pytest.mark.parametrize(
    "signed",
    [
        unsigned(b"[" * 20_000, {}),
        unsigned({"alg": "RS384", "kid": "rsa"}, b"[" * 10_000),
        unsigned([], {}),
        unsigned({"alg": "RS384", "kid": "rsa"}, []),
        unsigned({"alg": "RS384", "kid": "rsa"}, b"\xff"),
        unsigned({"alg": "RS384", "kid": "rsa"}, b""),
        unsigned(b'{"alg":"RS384","alg":5}', {}),
        "." * 3,
        ".." + "A" * 20_000,
        "é.é.é",
    ],
)
def test_hostile_assertions_get_the_same_answer(world: World, signed: str) -> None:
    refused(world.exchange(signed), "")


@pytest.mark.parametrize("more", [{"x5t": "a"}, {"custom": {"a": 1}}, {"typ": "x" * 600}])
def test_headers_that_mean_something_to_others_do_not_matter(world: World, more: dict[str, Any]) -> None:
    assert world.exchange(with_header(world, {"alg": "ES384", "kid": "ec", **more})).status == 200


def test_a_critical_header_that_is_not_known_is_refused(world: World) -> None:
    signed = world.signed()
    header = unsigned({"alg": "ES384", "kid": "ec", "crit": ["x"], "x": 1}, {}).split(".")[0]
    refused(world.exchange(".".join([header, *signed.split(".")[1:]])), UNKNOWN, status=401)


@pytest.mark.parametrize("jku", ["https://keys.test/jwks.json", "", 5, ["x"]])
def test_a_jku_that_was_not_registered_is_refused_and_never_fetched(world: World, jku: Any) -> None:
    signed = with_header(world, {"alg": "ES384", "kid": "ec", "jku": jku})
    refused(world.exchange(signed), UNKNOWN, status=401)
    assert world.urls.asked == []


async def test_the_chain_of_audit_events_holds(world: World) -> None:
    world.token()
    world.exchange("x")
    assert await world.db.read(lambda tx: audit.broken_link(tx, world.tenant.id)) is None
