"""`GoogleServiceAccount` (ours): a Google service account's key, traded for an access token.

The fields have the names of Google's key file, so that a file can be pasted into the request as it is. The
exchange is RFC 7523 as Google documents it ("Using OAuth 2.0 for server to server applications").
"""

from typing import Literal

from pydantic import Field

from waypost.credentials.strategies import keys
from waypost.credentials.strategies.fields import Text, UrlText
from waypost.credentials.strategies.keys import PrivateKeyText
from waypost.credentials.strategies.strategy import Fields, Grant, NotAuthorized, Occasion, Strategy
from waypost.credentials.strategies.token_answers import JWT_BEARER, Shape, granted, post_form
from waypost.errors import Fault

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleServiceAccount(Fields):
    """A Google service account with a key of its own."""

    client_email: Text = Field(description="The service account: its e-mail address.")
    private_key: PrivateKeyText = Field(description="Its private key, RSA; never returned.", repr=False)
    private_key_id: Text | None = Field(None, description="The key's id at Google.")
    token_uri: UrlText = Field(TOKEN_URL, description="The token endpoint; https outside Development.")
    scopes: Text = Field(SCOPE, description="What is asked for: scopes with spaces between them.")
    subject: Text | None = Field(None, description="The user to act for, by domain-wide delegation.")
    type: Literal["service_account"] = Field("service_account", description="As in the key file.")
    project_id: Text | None = Field(None, description="As in the key file; kept, not used.")
    client_id: Text | None = Field(None, description="As in the key file; kept, not used.")
    auth_uri: Text | None = Field(None, description="As in the key file; kept, not used.")
    auth_provider_x509_cert_url: Text | None = Field(None, description="As in the key file; kept, not used.")
    client_x509_cert_url: Text | None = Field(None, description="As in the key file; kept, not used.")
    universe_domain: Text | None = Field(None, description="As in the key file; kept, not used.")

    def faults(self) -> list[Fault]:
        """Google's keys are RSA."""
        if keys.fits(self.private_key, "RS256"):
            return []
        return [Fault("/private_key", "unusable_key", "A service account's key is an RSA key.")]


async def authorize(fields: GoogleServiceAccount, occasion: Occasion) -> Grant | NotAuthorized:
    """An access token for a signed assertion."""
    claims = {
        "iss": fields.client_email, "sub": fields.subject, "aud": fields.token_uri, "scope": fields.scopes,
    }  # fmt: skip
    header = {"kid": fields.private_key_id}
    signed = keys.assertion(fields.private_key, "RS256", claims, now_ms=occasion.now_ms, header=header)
    answer = await post_form(occasion, fields.token_uri, {"grant_type": JWT_BEARER, "assertion": signed})
    return granted(answer, occasion.now_ms, Shape(default_seconds=3600))


STRATEGY = Strategy("GoogleServiceAccount", GoogleServiceAccount, authorize, ours=True)
