"""A credential as a delivery has it, and an `Authorizer` that reaches loopback, alone or as a node of a store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import SetClock
from tests.credentials.conftest import DEVELOPMENT, World
from waypost.credentials import store
from waypost.credentials.authorization import Authorized, Authorizer, NotAuthorized
from waypost.credentials.model import Credential
from waypost.credentials.sharing import Shared
from waypost.credentials.strategies.strategy import Outgoing
from waypost.db.database import Tx
from waypost.egress.client import Client
from waypost.egress.policy import Policy

ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
REQUEST = Outgoing("POST", "https://api.example.com/in?b=1&a=2", {"Content-Type": "application/json"}, b"{}")


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


@asynccontextmanager
async def authorizing(world: World, policy: Policy) -> AsyncIterator[Authorizer]:
    """A node of the world's store."""
    client = Client(policy)
    await client.start()
    try:
        yield Authorizer(client, world.clock, sharing=Shared(world.db, world.vault), home=world.home)
    finally:
        await client.close()


async def ask(world: World, authorizer: Authorizer, credential_id: str) -> Authorized | NotAuthorized:
    def load(tx: Tx) -> Any:
        found = store.get(tx, credential_id)
        return found, store.open_secrets(tx, world.vault, found)

    credential, secrets = await world.db.read(load)
    return await authorizer.authorize(credential, secrets, https_only=False, request=REQUEST)
