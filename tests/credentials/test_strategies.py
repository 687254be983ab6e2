"""A strategy is declared once; what the API says of it is drawn from the declaration."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from tests.conftest import SetClock
from tests.credentials.conftest import DEVELOPMENT, World, a_credential, serving
from waypost.credentials import schemas
from waypost.credentials.authorization import Authorized, Authorizer
from waypost.credentials.model import Credential, has
from waypost.credentials.strategies import DEFAULT, STRATEGIES, Strategies
from waypost.credentials.strategies.fields import Secret, SecretText, UrlText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Outgoing, Strategy
from waypost.egress.client import Client
from waypost.egress.policy import Policy

PATH = "/platform/v1/authcredentials"
DOCUMENTED = {
    "OAuth_2.0_2-legged": [
        "grantType", "username", "password", "url", "grantTypeName", "clientIdName", "clientSecretName",
        "refreshTokenName", "clientId", "clientSecret", "accessTokenName", "expiresFieldName",
        "refreshGrantType", "audience", "scopes", "contentType", "noBasic", "resource", "customFieldName",
        "customFieldValue", "defaultExpirationSeconds",
    ],
    "AwsSigv4": ["accessKey", "secretKey", "serviceName", "awsRegion", "sessionToken"],
}  # fmt: skip
"""The fields of the vendor's own page, in its order; ours may follow."""


class Signing(Fields):
    """A strategy that signs each request."""

    keyId: str = Field(description="Names the key.")
    signingKey: Annotated[str, Secret()] = Field(description="The key.", repr=False)
    old_key: SecretText | None = Field(None, repr=False)
    token_url: UrlText | None = None


async def sign(fields: Signing, occasion: Occasion) -> Grant | NotAuthorized:
    if occasion.request is None:
        return NotAuthorized("a signature needs a request")
    return Grant({"x-signature": f"{fields.keyId} {occasion.request.method}"}, query="sig=1")


SIGNING: Strategies = {**STRATEGIES, "Signing": Strategy("Signing", Signing, sign, each_time=True)}


async def test_any_user_reads_the_documented_strategies(world: World) -> None:
    answer = world.client("GET", f"{PATH}/strategies", token="stranger")
    assert answer.status == 200
    listed = {name: each["availableFields"] for name, each in answer.payload["strategies"].items()}
    assert listed.keys() == STRATEGIES.keys()
    assert {name: listed[name][: len(fields)] for name, fields in DOCUMENTED.items()} == DOCUMENTED


def test_marks_are_found_wherever_they_stand_in_the_annotation() -> None:
    strategy = SIGNING["Signing"]
    assert strategy.secrets == {"signingKey", "old_key"}
    assert strategy.urls == {"token_url"}


async def test_another_strategy_is_one_declaration_and_one_line(world: World, policy: Policy) -> None:
    body = {"name": "s", "environmentId": DEVELOPMENT, "authStrategy": "Signing", "keyId": "k", "signingKey": "x"}
    with serving(world, policy, strategies=SIGNING):
        made = world.client("POST", PATH, body).payload["credential"]
        assert (made["keyId"], made["hasSigningKey"], made["hasOld_key"]) == ("k", True, False)
        assert "signingKey" not in made
        wrong = world.client("POST", PATH, {**body, "token_url": "x", "url": "y"})
        assert sorted(wrong.faults) == [("/token_url", "invalid_url"), ("/url", "unknown_field")]
        added = world.patch(made["id"], {"token_url": "https://sts.example.com"})
        assert added.faults == [("/signingKey", "secret_required")]
        listed = world.client("GET", f"{PATH}/strategies").payload["strategies"]
        assert listed["Signing"] == {"availableFields": ["keyId", "signingKey", "old_key", "token_url"]}
        assert world.client("POST", PATH, a_credential()).status == 201
    model = schemas.create_body(SIGNING).model_json_schema()["$defs"]["CreateSigning"]
    assert model["required"] == ["name", "environmentId", "authStrategy", "keyId", "signingKey"]


async def test_a_signature_is_made_for_each_request(policy: Policy, clock: SetClock) -> None:
    authorizer = Authorizer(Client(policy), clock, strategies=SIGNING)
    credential = Credential(
        "i", 1, DEVELOPMENT, "n", "Signing", {"keyId": "k"}, frozenset({"signingKey"}), 1, 0, 0
    )
    answers = [
        await authorizer.authorize(
            credential, {"signingKey": "x"}, https_only=True, request=Outgoing(method, "https://a", {}, b"")
        )
        for method in ("POST", "PUT")
    ]
    assert answers == [Authorized({"x-signature": f"k {method}"}, query="sig=1") for method in ("POST", "PUT")]
    assert [Authorized({}, query="sig=1").url(url) for url in ("https://a", "https://a?b")] == [
        "https://a?sig=1", "https://a?b&sig=1",
    ]  # fmt: skip


async def test_a_strategy_that_is_gone_is_said(policy: Policy, clock: SetClock) -> None:
    authorizer = Authorizer(Client(policy), clock)
    credential = Credential("i", 1, DEVELOPMENT, "n", "Signing", {}, frozenset(), 1, 0, 0)
    answer = await authorizer.authorize(credential, {}, https_only=True)
    assert answer == NotAuthorized("there is no strategy Signing here")


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_the_bodies_in_the_open_api_document_have_every_field_described(strategy: Strategy[Any]) -> None:
    created = schemas.create_body(STRATEGIES).model_json_schema()["$defs"]
    model = created[f"Create{strategy.fields.__name__}"]
    assert set(strategy.available) <= model["properties"].keys()
    assert {"name", "environmentId"} <= set(model["required"])
    assert ("authStrategy" in model["required"]) == (strategy.name != DEFAULT)
    assert all(declared.get("description") for declared in model["properties"].values())
    changed = schemas.update_body(STRATEGIES).model_json_schema()["$defs"]
    model = changed[f"Update{strategy.fields.__name__}"]
    assert {*strategy.available, "name", "id", *map(has, strategy.secrets)} <= model["properties"].keys()
    assert "required" not in model


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_the_answer_in_the_open_api_document_has_no_secret(strategy: Strategy[Any]) -> None:
    model = schemas.one(STRATEGIES).model_json_schema()["$defs"][strategy.fields.__name__]
    assert {*map(has, strategy.secrets)} <= model["properties"].keys()
    assert not strategy.secrets & model["properties"].keys()
