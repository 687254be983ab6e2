"""`OAuth_2.0_2-legged`: a bearer token from a token endpoint, for a client's secret or a user's password.

RFC 6749, with every name of a parameter open to change, as the vendor documents it. A refresh token is
used when there is one; when it is refused, the full grant follows.
"""

import base64
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote_plus, urlencode

import msgspec
from pydantic import Field

from waypost.credentials.strategies.fields import Key, Seconds, SecretText, Text, UrlText, YesNo
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy
from waypost.credentials.strategies.token_answers import JSON, Shape, granted
from waypost.egress.client import Answer, Unreached
from waypost.errors import Fault

_SAME_WHEN_DECODED = "!\"#$&'()*,/;<=>?@[\\]^`{|}~"

Parameter = tuple[str, str, str | None]
"""The field that decides a parameter's name, that name, and the value (None = not sent)."""


class OAuthTwoLegged(Fields):
    """OAuth 2.0, two-legged."""

    grantType: Literal["client_credentials", "password"] = Field(description="The grant that is asked for.")
    username: Text | None = Field(None, description="The user of a password grant.")
    password: SecretText | None = Field(None, description="The user's password; never returned.", repr=False)
    url: UrlText = Field(description="The token endpoint; https outside Development.")
    grantTypeName: Key = Field("grant_type", description="Name of the parameter with the grant.")
    clientIdName: Key = Field("client_id", description="Name of the parameter with the client id.")
    clientSecretName: Key = Field("client_secret", description="Name of the parameter with the client secret.")
    refreshTokenName: Key = Field(
        "refresh_token", description="Name of the refresh token, in the answer and in the request that uses it."
    )
    clientId: Text | None = Field(None, description="The client's identifier.")
    clientSecret: SecretText | None = Field(None, description="The client's secret; never returned.", repr=False)
    accessTokenName: Key = Field("access_token", description="Field of the answer with the token.")
    expiresFieldName: Key = Field("expires_in", description="Field of the answer with the lifetime in seconds.")
    refreshGrantType: Text = Field("refresh_token", description="The grant that uses a refresh token.")
    audience: Text | None = Field(None, description="Sent as `audience`.")
    scopes: Text | None = Field(None, description="Sent as `scope`: names with spaces between them.")
    contentType: Literal["application/x-www-form-urlencoded", "application/json"] = Field(
        "application/x-www-form-urlencoded", description="How the request is written."
    )
    noBasic: YesNo = Field(
        False, description='Send id and secret as parameters rather than by HTTP Basic; also `"true"`, `"false"`.'
    )
    resource: Text | None = Field(None, description="Sent as `resource` (RFC 8707).")
    customFieldName: Key | None = Field(None, description="Name of one more parameter.")
    customFieldValue: Text | None = Field(
        None, description="Value of that parameter. It is returned: a secret belongs in `clientSecret`."
    )
    defaultExpirationSeconds: Seconds = Field(300, description="Lifetime when the answer does not say.")

    def faults(self) -> list[Fault]:
        """Fields that need one another, and names that two parameters would share."""
        proof = self.proof(None)
        shared = [
            *_shared([*proof, *self.grant_parameters()]),
            *_shared([*proof, *self.refresh_parameters("")]),
        ]
        return [*self._missing(), *dict.fromkeys(shared)]

    def grant_parameters(self) -> list[Parameter]:
        """The parameters of a full grant."""
        user = self.grantType == "password"
        return [
            ("scopes", "scope", self.scopes),
            ("username", "username", self.username if user else None),
            ("password", "password", self.password if user else None),
            *self._parameters_of_both(self.grantType),
        ]

    def refresh_parameters(self, token: str) -> list[Parameter]:
        """The parameters of a refresh; the scope stays what was granted."""
        return [
            *self._parameters_of_both(self.refreshGrantType),
            ("refreshTokenName", self.refreshTokenName, token),
        ]

    def proof(self, occasion: Occasion | None) -> list[Parameter]:
        """Parameters that are made for each request, to prove who asks; without an occasion only their names."""
        return []

    def headers(self) -> dict[str, str]:
        """The headers of a token request."""
        headers = {"accept": JSON, "content-type": self.contentType}
        if self._by_basic:
            headers["authorization"] = _basic(self.clientId or "", self.clientSecret or "")
        return headers

    def shape(self) -> Shape:
        """Where the answer has what."""
        return Shape(
            access_token=self.accessTokenName,
            expires=self.expiresFieldName,
            refresh_token=self.refreshTokenName,
            default_seconds=self.defaultExpirationSeconds,
            secrets=[secret for secret in (self.clientSecret, self.password) if secret],
        )

    @property
    def _by_basic(self) -> bool:
        """Whether HTTP Basic is used; a client without a secret names itself in a parameter (RFC 6749, 3.2.1)."""
        return self.clientSecret is not None and not self.noBasic

    def _parameters_of_both(self, grant: str) -> list[Parameter]:
        return [
            ("audience", "audience", self.audience),
            ("resource", "resource", self.resource),
            ("grantTypeName", self.grantTypeName, grant),
            *self._client(),
            ("customFieldName", self.customFieldName or "", self.customFieldValue),
        ]

    def _client(self) -> list[Parameter]:
        """The parameters that name the client."""
        if self._by_basic:
            return []
        return [
            ("clientIdName", self.clientIdName, self.clientId),
            ("clientSecretName", self.clientSecretName, self.clientSecret),
        ]

    def _missing(self) -> Iterable[Fault]:
        needs = [
            ("username", self.grantType == "password", "A password grant needs a username."),
            ("password", self.grantType == "password", "A password grant needs a password."),
            ("clientId", self._by_basic, "HTTP Basic needs a client id beside the secret."),
            ("customFieldName", self.customFieldValue is not None, "A custom value needs its name."),
            ("customFieldValue", self.customFieldName is not None, "A custom name needs its value."),
        ]
        for name, needed, detail in needs:
            if needed and getattr(self, name) is None:
                yield Fault(f"/{name}", "required", detail)


async def authorize(fields: OAuthTwoLegged, occasion: Occasion) -> Grant | NotAuthorized:
    """A bearer token: by the last grant's refresh token where there is one, else by the full grant."""
    token = occasion.previous.refresh_token if occasion.previous else None
    if token is not None:
        answer = await _ask(fields, occasion, fields.refresh_parameters(token))
        renewed = granted(answer, occasion.now_ms, fields.shape(), token)
        if isinstance(renewed, Grant) or isinstance(answer, Unreached):
            return renewed
    answer = await _ask(fields, occasion, fields.grant_parameters())
    return granted(answer, occasion.now_ms, fields.shape())


STRATEGY = Strategy("OAuth_2.0_2-legged", OAuthTwoLegged, authorize)


async def _ask(fields: OAuthTwoLegged, occasion: Occasion, parameters: Iterable[Parameter]) -> Answer | Unreached:
    values = {name: value for _, name, value in [*parameters, *fields.proof(occasion)] if value is not None}
    body = msgspec.json.encode(values) if fields.contentType == JSON else urlencode(values).encode()
    return await occasion.post(fields.url, fields.headers(), body)


def _basic(client_id: str, secret: str) -> str:
    """HTTP Basic with both parts form-encoded first (RFC 6749, 2.3.1).

    Only what decoding would change is encoded: servers that do not decode then take most secrets too.
    """
    user = quote_plus(client_id, safe=_SAME_WHEN_DECODED)
    password = quote_plus(secret, safe=_SAME_WHEN_DECODED + ":")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _shared(parameters: Iterable[Parameter]) -> Iterable[Fault]:
    """A fault for each parameter whose name an earlier one has; those that cannot be renamed come first."""
    seen: set[str] = set()
    for field, name, value in parameters:
        if value is None:
            continue
        if name in seen:
            yield Fault(f"/{field}", "shared_name", "Another parameter of the token request has this name.")
        seen.add(name)
