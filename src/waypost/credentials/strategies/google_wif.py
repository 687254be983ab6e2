"""`GoogleWIF`: workload identity federation. Waypost's own token for one of Google's, and that for an account's.

Token exchange (RFC 8693) at the Security Token Service, then impersonation of a service account where one is
named. The subject token is a JWT that Waypost signs, as an OIDC provider whose issuer is the credential's page
at Waypost; its key set can be fetched there, or uploaded to the pool. The fields that Redox documents have its
names; what the subject token needs is ours.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from waypost.credentials.strategies import keys
from waypost.credentials.strategies.fields import Text, UrlText
from waypost.credentials.strategies.keys import PrivateKeyText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy
from waypost.credentials.strategies.token_answers import JSON, Shape, granted, json_of, post_form, token_of
from waypost.errors import Fault

STS_URL = "https://sts.googleapis.com/v1/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
JWT = "urn:ietf:params:oauth:token-type:jwt"
MOST_LIFETIME_SECONDS = 43200

_STS = Shape(who="Google's token service", default_seconds=3600)
_IMPERSONATION = Shape(who="service account impersonation", access_token="accessToken")  # noqa: S106 - a name


def _lifetime(value: Any) -> Any:
    return f"{value}s" if isinstance(value, int) and not isinstance(value, bool) else value


def _at_most_half_a_day(value: str) -> str:
    if int(value.removesuffix("s")) > MOST_LIFETIME_SECONDS:
        raise PydanticCustomError("too_long", "Google gives a token for 12 hours (43200s) at most.")
    return value


def _json_object(value: str) -> str:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PydanticCustomError("no_json_object", "This is the text of a JSON object.")
    return value


Lifetime = Annotated[
    str,
    BeforeValidator(_lifetime),
    StringConstraints(pattern=r"^[1-9][0-9]{0,4}s$"),
    AfterValidator(_at_most_half_a_day),
]
Texts = Annotated[list[Text], Field(min_length=1, max_length=20)]


class GoogleWif(Fields):
    """Google workload identity federation."""

    audience: Text = Field(description="The identity provider: `//iam.googleapis.com/projects/…/providers/…`.")
    delegates: Texts | None = Field(None, description="Service accounts in a chain of delegation.")
    lifetime: Lifetime | None = Field(
        None, description="Lifetime of the account's token, such as `3600s`; a number of seconds is taken too."
    )
    options: Annotated[Text, AfterValidator(_json_object)] | None = Field(
        None, description="Options of the token service: the text of a JSON object."
    )
    scope: Text | Texts = Field(
        SCOPE, description="Scopes of the account's token: a list, or names with spaces between them."
    )
    service_account_impersonation_url: UrlText | None = Field(
        None, description="`…:generateAccessToken` of the service account; left out, none is impersonated."
    )
    sts_scope: Text = Field(SCOPE, description="Scope of the token service's token.")
    token_url: UrlText = Field(STS_URL, description="The token service; https outside Development.")
    issuer: Text | None = Field(
        None, description="The subject token's `iss` (ours); left out, the credential's address at Waypost."
    )
    subject: Text | None = Field(None, description="The subject token's `sub` (ours); left out, `waypost`.")
    algorithm: Literal["RS256", "ES256"] = Field("RS256", description="How it is signed (ours).")
    privateKey: PrivateKeyText | None = Field(
        None,
        description="The key that signs, PEM or JWK (ours); never returned. Left out or null, Waypost makes one.",
        repr=False,
    )

    def faults(self) -> list[Fault]:
        """The key must fit, and what only impersonation takes needs it."""
        found = keys.faults(self.privateKey, self.algorithm)
        chained = self.delegates is not None or self.lifetime is not None
        if chained and self.service_account_impersonation_url is None:
            detail = "`delegates` and `lifetime` need a service account to impersonate."
            found.append(Fault("/service_account_impersonation_url", "required", detail))
        return found


async def authorize(fields: GoogleWif, occasion: Occasion) -> Grant | NotAuthorized:
    """A token of the token service, or of the service account."""
    issuer = fields.issuer or occasion.home
    if issuer is None:
        return NotAuthorized("nobody knows where Waypost is: set WAYPOST_BASE_URL, or the credential's issuer")
    claims = {"iss": issuer, "sub": fields.subject or "waypost", "aud": fields.audience}
    signed = keys.assertion(fields.privateKey or "", fields.algorithm, claims, now_ms=occasion.now_ms)
    asked = {
        "grant_type": EXCHANGE,
        "audience": fields.audience,
        "scope": fields.sts_scope,
        "requested_token_type": ACCESS_TOKEN,
        "subject_token": signed,
        "subject_token_type": JWT,
        "options": fields.options,
    }
    exchanged = granted(await post_form(occasion, fields.token_url, asked), occasion.now_ms, _STS)
    if isinstance(exchanged, NotAuthorized) or fields.service_account_impersonation_url is None:
        return exchanged
    return await _impersonate(fields, occasion, exchanged, fields.service_account_impersonation_url)


async def _impersonate(fields: GoogleWif, occasion: Occasion, own: Grant, url: str) -> Grant | NotAuthorized:
    scopes = fields.scope.split() if isinstance(fields.scope, str) else fields.scope
    asked = {"scope": scopes, "delegates": fields.delegates, "lifetime": fields.lifetime}
    body = msgspec.json.encode({name: value for name, value in asked.items() if value is not None})
    headers = {"accept": JSON, "content-type": JSON, **own.headers}
    values = json_of(await occasion.post(url, headers, body), _IMPERSONATION)
    if isinstance(values, NotAuthorized):
        return values
    token = token_of(values, _IMPERSONATION)
    if isinstance(token, NotAuthorized):
        return token
    return Grant({"authorization": f"Bearer {token}"}, _moment(values.get("expireTime")) or own.expires_at_ms)


def _moment(text: Any) -> int | None:
    """RFC 3339 to ms."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return round(found.timestamp() * 1000) if found.tzinfo is not None else None


STRATEGY = Strategy("GoogleWIF", GoogleWif, authorize, keyed=True)
