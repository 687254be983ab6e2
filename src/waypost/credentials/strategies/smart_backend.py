"""`SMART_Backend`: a bearer token for a signed assertion in place of a client secret (private_key_jwt).

SMART App Launch 2.2, Backend Services; RFC 7523. The fields that Redox documents are those of
`OAuth_2.0_2-legged`, as far as its page shows them; what the key needs is ours.
"""

from typing import ClassVar, Literal

from pydantic import Field

from waypost.credentials.strategies import keys
from waypost.credentials.strategies.fields import Key, Text, YesNo
from waypost.credentials.strategies.keys import PrivateKeyText
from waypost.credentials.strategies.oauth2 import OAuthTwoLegged, Parameter, authorize
from waypost.credentials.strategies.strategy import Occasion, Strategy
from waypost.errors import Fault

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SmartBackend(OAuthTwoLegged):
    """SMART Backend Services."""

    dropped: ClassVar[frozenset[str]] = frozenset({"clientSecretName", "clientSecret", "noBasic"})

    grantType: Literal["client_credentials", "password"] = Field(
        "client_credentials", description="The grant that is asked for."
    )
    clientIdName: Key | None = Field(  # type: ignore[assignment]
        None, description="Name of a parameter with the client id; left out, only the assertion has it."
    )
    clientId: Text = Field(description="The client's identifier: issuer and subject of the assertion.")
    algorithm: Literal["RS384", "ES384"] = Field("RS384", description="How the assertion is signed (ours).")
    privateKey: PrivateKeyText | None = Field(
        None,
        description="The key that signs, PEM or JWK (ours); never returned. Left out or null, Waypost makes one.",
        repr=False,
    )
    includeJKU: YesNo = Field(
        True, description="Name the JWKS that Waypost hosts in the assertion's header (`jku`)."
    )
    assertionAudience: Text | None = Field(None, description="The assertion's `aud` where it is not `url` (ours).")

    def faults(self) -> list[Fault]:
        """As for OAuth, and the key must fit."""
        return [*super().faults(), *keys.faults(self.privateKey, self.algorithm)]

    def proof(self, occasion: Occasion | None) -> list[Parameter]:
        """The assertion, with a `jti` of its own for each request."""
        signed = "" if occasion is None else self._assertion(occasion)
        return [
            ("client_assertion_type", "client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", "client_assertion", signed),
        ]

    @property
    def _by_basic(self) -> bool:
        return False

    def _client(self) -> list[Parameter]:
        if self.clientIdName is None:
            return []
        return [("clientIdName", self.clientIdName, self.clientId)]

    def _assertion(self, occasion: Occasion) -> str:
        claims = {"iss": self.clientId, "sub": self.clientId, "aud": self.assertionAudience or self.url}
        header = {"jku": occasion.jwks_url if self.includeJKU else None}
        return keys.assertion(self.privateKey or "", self.algorithm, claims, now_ms=occasion.now_ms, header=header)


STRATEGY = Strategy("SMART_Backend", SmartBackend, authorize, keyed=True)
