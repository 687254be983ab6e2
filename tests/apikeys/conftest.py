"""OAuth API keys served, and what their service told."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.conftest import SetClock
from tests.support import rooms
from tests.support.rooms import DEVELOPMENT, Room
from waypost.apikeys import api
from waypost.apikeys.service import ApiKeys
from waypost.db.database import Database
from waypost.egress.policy import Policy


@dataclass(frozen=True)
class Keys:
    room: Room
    service: ApiKeys
    told: list[str] = field(default_factory=list)

    def create(self, body: Any, environment_id: str = DEVELOPMENT, **more: Any) -> Any:
        return self.room.client("POST", f"/platform/v1/environments/{environment_id}/apikeys", body, **more)

    def list(self, environment_id: str = DEVELOPMENT, **more: Any) -> Any:
        return self.room.client("GET", f"/platform/v1/environments/{environment_id}/apikeys", **more)

    def one(self, method: str, key_id: str, body: Any = None, **more: Any) -> Any:
        return self.room.client(method, f"/platform/v1/apikeys/{key_id}", body, **more)

    def made(self, **body: Any) -> dict[str, Any]:
        """A key made by the engineer."""
        answer = self.create({"name": "Lab feed", **body})
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.payload["apikey"]
        return found


def public(kid: str = "k1", **members: Any) -> dict[str, Any]:
    """A fresh public key for ES384."""
    made = ECKey.generate_key("P-384", private=False)
    return {**made.as_dict(), "kid": kid, **members}


def rsa(bits: int) -> dict[str, Any]:
    return {**RSAKey.generate_key(bits, private=False).as_dict(), "kid": f"rsa-{bits}"}


PRIVATE: dict[str, Callable[[], dict[str, Any]]] = {
    "RSA": lambda: {**RSAKey.generate_key(2048).as_dict(private=True), "kid": "a"},
    "EC": lambda: {**ECKey.generate_key("P-384").as_dict(private=True), "kid": "a"},
    "OKP": lambda: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "a"},
    "oct": lambda: {**OctKey.generate_key(384).as_dict(private=True), "kid": "a", "k": "c2VjcmV0"},
}


@pytest.fixture
async def keys(db: Database, clock: SetClock) -> AsyncIterator[Keys]:
    await db.write(rooms.set_up)
    told: list[str] = []
    service = ApiKeys(db, clock, Policy([]), lambda: told.append("changed"))
    with rooms.served(db, api.router(service)) as room:
        yield Keys(room, service, told)
