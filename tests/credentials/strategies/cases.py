"""One case for each strategy: what an engineer sends, and a server or a rule that says whether it works."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.conftest import SetClock
from tests.credentials.strategies.test_aws_sigv4 import by_botocore
from tests.support.oauth_server import Assertion, Expected, OAuthServer
from tests.support.sts_server import StsServer
from waypost.credentials.strategies import keys
from waypost.credentials.strategies.aws_sigv4 import AwsSigv4
from waypost.credentials.strategies.strategy import Outgoing

ELSEWHERE = {"AzureSharedKey", "AzureSAS"}
"""Strategies for one kind of destination, tested with it."""
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/waypost"
CANARY = "canary-0f9d2b"


@dataclass
class Running:
    """A strategy's case while its server runs. `fields` are what an engineer sends.

    `home` is known once the credential is made: until then the server would refuse. `secrets` must never be seen.
    """

    fields: dict[str, Any]
    secrets: list[str]
    accepts: Callable[[Outgoing, Mapping[str, str]], bool]
    made: Callable[[str], None] = lambda home: None
    server: OAuthServer | None = None
    addresses: tuple[str, ...] = ()
    """The fields that Waypost calls."""


@cache
def pem(algorithm: str) -> str:
    return keys.make(algorithm)


def marks(key: str) -> list[str]:
    """Lines of a PEM that give it away, however it is quoted."""
    return [line for line in key.splitlines() if not line.startswith("-")][1:]


@contextmanager
def oauth(clock: SetClock) -> Iterator[Running]:
    with OAuthServer(Expected(client_id="the-client", client_secret=CANARY)) as server:
        fields = {
            "grantType": "client_credentials", "url": server.url, "clientId": "the-client", "clientSecret": CANARY,
        }  # fmt: skip
        yield _bearer(server, fields, [CANARY], addresses=("url",))


@contextmanager
def smart(clock: SetClock) -> Iterator[Running]:
    with OAuthServer() as server:
        running = _bearer(
            server, {"url": server.url, "clientId": "app", "scopes": "system/*.rs"}, [], addresses=("url",)
        )

        def made(home: str) -> None:
            jwks = f"{home}/jwks.json"
            wanted = Assertion(jwks, "RS384", "app", "app", server.url, jku=jwks)
            server.expect(parameters={"scope": "system/*.rs"}, assertion=wanted)

        server.now, running.made = clock.now_ms, made
        yield running


@contextmanager
def wif(clock: SetClock) -> Iterator[Running]:
    expected = Expected(
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        parameters={
            "audience": POOL,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "options": '{"userProject": "p"}',
        },
    )
    with StsServer(expected) as server:
        server.wanted = {"scope": ["a", "b"], "lifetime": "600s", "delegates": ["d@project"]}
        fields = {
            "audience": POOL, "token_url": server.url, "algorithm": "ES256", "options": '{"userProject": "p"}',
            "service_account_impersonation_url": server.impersonation_url,
            "scope": "a b", "lifetime": 600, "delegates": ["d@project"],
        }  # fmt: skip
        running = _bearer(server, fields, [], addresses=("service_account_impersonation_url", "token_url"))

        def made(home: str) -> None:
            jwks = f"{home}/jwks.json"
            server.expect(assertion=Assertion(jwks, "ES256", home, "waypost", POOL, parameter="subject_token"))

        server.now, running.made = clock.now_ms, made
        yield running


@contextmanager
def service_account(clock: SetClock) -> Iterator[Running]:
    key = pem("RS256")
    public = {**keys.public_jwk(key, "RS256"), "kid": "at-google"}
    with OAuthServer() as server:
        account, scope = "writer@project.iam.gserviceaccount.com", "https://www.googleapis.com/auth/cloud-platform"
        wanted = Assertion([public], "RS256", account, None, server.url, "assertion", {"scope": scope})
        server.expect(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=wanted)
        server.now = clock.now_ms
        fields = {
            "type": "service_account", "project_id": "project", "private_key_id": "at-google", "private_key": key,
            "client_email": account, "client_id": "1", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": server.url, "universe_domain": "googleapis.com",
        }  # fmt: skip
        yield _bearer(server, fields, marks(key), addresses=("token_uri",))


@contextmanager
def jwt_bearer(clock: SetClock) -> Iterator[Running]:
    key = pem("ES384")
    with OAuthServer() as server:
        public = keys.public_jwk(key, "ES384")
        wanted = Assertion([public], "ES384", "me", "user", "https://issuer.example.com", "assertion")
        server.expect(
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=wanted, parameters={"scope": "s t"}
        )
        server.now = clock.now_ms
        fields = {
            "url": server.url, "issuer": "me", "subject": "user", "audience": "https://issuer.example.com",
            "algorithm": "ES384", "privateKey": key, "scopes": "s t",
        }  # fmt: skip
        yield _bearer(server, fields, marks(key), addresses=("url",))


@contextmanager
def sigv4(clock: SetClock) -> Iterator[Running]:
    fields = {
        "accessKey": "AKIDEXAMPLE", "secretKey": CANARY, "serviceName": "execute-api", "awsRegion": "eu-west-1",
        "sessionToken": CANARY + "-session",
    }  # fmt: skip

    def accepts(request: Outgoing, headers: Mapping[str, str]) -> bool:
        made = by_botocore(AwsSigv4(**fields), request, headers["x-amz-date"])
        return headers["authorization"].endswith(f"Signature={made}")

    yield Running(fields, [CANARY], accepts)


@contextmanager
def basic(clock: SetClock) -> Iterator[Running]:
    pair = base64.b64encode(f"nürse:{CANARY}".encode()).decode()
    yield Running(
        {"username": "nürse", "password": CANARY},
        [CANARY, pair],
        lambda _, headers: headers == {"authorization": f"Basic {pair}"},
    )


@contextmanager
def header(clock: SetClock) -> Iterator[Running]:
    yield Running(
        {"headerName": "X-Api-Key", "headerValue": CANARY},
        [CANARY],
        lambda _, headers: headers == {"x-api-key": CANARY},
    )


CASES: dict[str, Any] = {
    "OAuth_2.0_2-legged": oauth,
    "SMART_Backend": smart,
    "AwsSigv4": sigv4,
    "GoogleWIF": wif,
    "GoogleServiceAccount": service_account,
    "JWT_Bearer": jwt_bearer,
    "Basic": basic,
    "Header": header,
}


def _bearer(
    server: OAuthServer, fields: dict[str, Any], secrets: list[str], *, addresses: tuple[str, ...]
) -> Running:
    return Running(
        fields, secrets, lambda _, headers: server.accepts(dict(headers)), server=server, addresses=addresses
    )
