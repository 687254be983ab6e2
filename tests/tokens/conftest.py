"""A server that issues tokens, with a user and an API key, on a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import APIRouter
from tests.conftest import SetClock
from tests.support import keys, tenants
from tests.support.serving import Answer, Client, Serving
from tests.support.tenants import Tenant

from waypost.access import EnvironmentRole, OrganizationRole, operator
from waypost.apikeys.service import ApiKeys
from waypost.db.database import Database
from waypost.egress.client import Answer as Fetched
from waypost.egress.client import Unreached
from waypost.egress.lists import EgressList
from waypost.egress.policy import Policy
from waypost.roles.service import Roles
from waypost.tokens import api, assertion
from waypost.tokens.keysets import KeySets
from waypost.tokens.service import Tokens
from waypost.users.model import Added, NewUser, PublicKeys
from waypost.users.service import Users
from waypost.vault.vault import Vault
from waypost.web.routes.callers import AnyCaller
from waypost.web.routes.envelope import answer as enveloped

AUDIENCE = "https://waypost.test/v2/auth/token"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Urls:
    """What the egress client would find at each URL; it says what was asked for."""

    answers: dict[str, Fetched | Unreached] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def within(self, listed: EgressList) -> "Urls":
        return self

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_seconds: float,
        https_only: bool,
        most_bytes: int = 65536,
    ) -> Fetched | Unreached:
        self.asked.append((url, https_only))
        await asyncio.sleep(0)  # others get their turn, as during a real call
        return self.answers.get(url, Unreached("connect", "Connection refused.", False))


class World:
    """The parts that make tokens, and a client that asks for them."""

    def __init__(self, db: Database, vault: Vault, clock: SetClock, tenant: Tenant) -> None:
        self.db, self.vault, self.clock, self.tenant = db, vault, clock, tenant
        self.urls = Urls()
        self.tokens = self.restarted()
        self.users = Users(db, clock, self.forget)
        self.roles = Roles(db, clock, self.forget)
        self.apikeys = ApiKeys(db, clock, Policy(()), self.forget)
        self.used = 0
        self.call: Client
        self.ann: Added
        self.client_id = ""

    def forget(self) -> None:
        self.tokens.forget()

    def restarted(self) -> Tokens:
        """The service as a fresh process on the same store has it."""
        keysets = KeySets(self.urls, self.clock)
        return Tokens(self.db, self.vault, self.clock, keysets, audiences=lambda: frozenset({AUDIENCE}))

    async def add_user(self, email: str, public: PublicKeys, **more: Any) -> Added:
        new = NewUser(email, self.tenant.id, public, **more)
        return await self.users.add(operator("users add"), new)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims of Ann's, with changes; None leaves one out."""
        self.used += 1
        now = self.clock.now_ms() // 1000
        usual = {
            "iss": self.client_id, "sub": self.client_id, "aud": AUDIENCE,
            "iat": now, "exp": now + 300, "jti": f"jti-{self.used}",
        }  # fmt: skip
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def signed(self, key: dict[str, Any] | None = None, **changes: Any) -> str:
        return assertion.sign(key or keys.ec(), self.claims(**changes))

    def post(self, fields: Mapping[str, str] | bytes, content_type: str = FORM) -> Answer:
        data = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return self.call("POST", "/v2/auth/token", data, headers={"content-type": content_type})

    def exchange(self, signed: str) -> Answer:
        return self.post(assertion.form(signed))

    def token(self, signed: str | None = None) -> str:
        answer = self.exchange(signed or self.signed())
        assert answer.status == 200, answer.body
        return str(answer.json["access_token"])

    def who(self, token: str) -> Answer:
        return self.call("GET", "/who", token=token)


@pytest.fixture
async def world(db: Database, vault: Vault, clock: SetClock) -> AsyncIterator[World]:
    made = World(db, vault, clock, await tenants.found(db, clock))
    public = PublicKeys(jwk_set={"keys": [assertion.public_of(keys.rsa()), assertion.public_of(keys.ec())]})
    made.ann = await made.add_user(
        "ann@clinic.test", public, organization_role=OrganizationRole.owner,
        environment_roles={made.tenant.development: EnvironmentRole.engineer},
    )  # fmt: skip
    made.client_id = made.ann.key.client_id
    routes = APIRouter()

    @routes.get("/who")
    async def who(caller: AnyCaller) -> Any:
        return enveloped({"principal": repr(caller.principal)})

    app = tenants.app([api.router(made.tokens), routes], lambda token: made.tokens.authenticate(token))
    with Serving(app) as serving:
        made.call = serving.client
        yield made
