"""A credential as a delivery has it, and an `Authorizer` that reaches loopback."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import SetClock
from tests.credentials.conftest import DEVELOPMENT
from waypost.credentials.authorization import Authorized, Authorizer, NotAuthorized
from waypost.credentials.model import Credential
from waypost.egress.client import Client
from waypost.egress.policy import Policy

ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


@dataclass
class Asking:
    """Asks for headers as the delivery does."""

    authorizer: Authorizer
    secrets: Mapping[str, str]
    https_only: bool = False

    async def __call__(self, credential: Credential) -> Authorized | NotAuthorized:
        return await self.authorizer.authorize(credential, self.secrets, https_only=self.https_only)

    async def token(self, credential: Credential) -> str:
        answer = await self(credential)
        assert isinstance(answer, Authorized), answer
        return answer.headers["authorization"].removeprefix("Bearer ")

    async def reason(self, credential: Credential) -> str:
        answer = await self(credential)
        assert isinstance(answer, NotAuthorized), answer
        return answer.reason


def a_credential(url: str, *, version: int = 1, id: str = ID, **settings: Any) -> Credential:
    """An OAuth credential of the token endpoint at `url`."""
    fields = {"grantType": "client_credentials", "url": url, "clientId": "the-client", **settings}
    settings = {name: value for name, value in fields.items() if value is not None}
    secrets = frozenset({"clientSecret"})
    return Credential(id, 118, DEVELOPMENT, "n", "OAuth_2.0_2-legged", settings, secrets, version, 1, 1)


@asynccontextmanager
async def asking(
    policy: Policy, clock: SetClock, *, timeout_seconds: float = 30, most_held: int = 100, **secrets: str
) -> AsyncIterator[Asking]:
    """An authorizer with a started client, and the secrets of the credential (default: one client secret)."""
    client = Client(policy)
    await client.start()
    try:
        authorizer = Authorizer(client, clock, timeout_seconds=timeout_seconds, most_held=most_held)
        yield Asking(authorizer, secrets or {"clientSecret": "the-secret"})
    finally:
        await client.close()
