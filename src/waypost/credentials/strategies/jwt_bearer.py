"""`JWT_Bearer` (ours): an access token for a signed assertion as the grant itself (RFC 7523, 2.1)."""

from pydantic import Field

from waypost.credentials.strategies import keys
from waypost.credentials.strategies.fields import Seconds, Text, UrlText, YesNo
from waypost.credentials.strategies.keys import Algorithm, PrivateKeyText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy
from waypost.credentials.strategies.token_answers import JWT_BEARER, Shape, granted, post_form
from waypost.errors import Fault


class JwtBearer(Fields):
    """JWT bearer grant."""

    url: UrlText = Field(description="The token endpoint; https outside Development.")
    issuer: Text = Field(description="The assertion's `iss`: who asks.")
    subject: Text | None = Field(None, description="The assertion's `sub`; `issuer` when left out.")
    audience: Text | None = Field(None, description="The assertion's `aud`; `url` when left out.")
    scopes: Text | None = Field(None, description="Sent as `scope`: names with spaces between them.")
    clientId: Text | None = Field(None, description="Sent as `client_id`.")
    algorithm: Algorithm = Field("RS256", description="How the assertion is signed.")
    privateKey: PrivateKeyText | None = Field(
        None,
        description="The key that signs, PEM or JWK; never returned. Left out or null, Waypost makes one.",
        repr=False,
    )
    includeJKU: YesNo = Field(
        False, description="Name the JWKS that Waypost hosts in the assertion's header (`jku`)."
    )
    defaultExpirationSeconds: Seconds = Field(300, description="Lifetime when the answer does not say.")

    def faults(self) -> list[Fault]:
        """The key must fit."""
        return keys.faults(self.privateKey, self.algorithm)


async def authorize(fields: JwtBearer, occasion: Occasion) -> Grant | NotAuthorized:
    """An access token for a signed assertion."""
    claims = {
        "iss": fields.issuer, "sub": fields.subject or fields.issuer, "aud": fields.audience or fields.url,
    }  # fmt: skip
    header = {"jku": occasion.jwks_url if fields.includeJKU else None}
    signed = keys.assertion(
        fields.privateKey or "", fields.algorithm, claims, now_ms=occasion.now_ms, header=header
    )
    asked = {"grant_type": JWT_BEARER, "assertion": signed, "scope": fields.scopes, "client_id": fields.clientId}
    answer = await post_form(occasion, fields.url, asked)
    return granted(answer, occasion.now_ms, Shape(default_seconds=fields.defaultExpirationSeconds))


STRATEGY = Strategy("JWT_Bearer", JwtBearer, authorize, keyed=True, ours=True)
