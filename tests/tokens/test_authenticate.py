"""Whom an access token stands for, and how soon it stands for nobody."""

import asyncio
import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.support import keys
from tests.support.serving import Answer
from tests.tokens.conftest import World

from waypost.access import EnvironmentRole, OrganizationRole, User, operator
from waypost.db.database import Database, Tx
from waypost.errors import Unauthenticated
from waypost.ids import new_id
from waypost.tokens import assertion, store
from waypost.tokens.assertion import public_of
from waypost.users import memberships
from waypost.users.model import PublicKeys
from waypost.vault import keyring
from waypost.vault.vault import Vault

CLI = operator("x")


def refused(answer: Answer) -> None:
    assert (answer.status, answer.json["type"]) == (401, "/problems/unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def refuses(world: World, token: str) -> bool:
    try:
        await world.tokens.authenticate(token)
    except Unauthenticated:
        return True
    return False


async def test_a_users_token_stands_for_the_user_with_every_role(world: World) -> None:
    assert await world.tokens.authenticate(world.token()) == User(
        world.ann.user.id,
        world.client_id,
        {world.tenant.id: OrganizationRole.owner},
        {world.tenant.development: EnvironmentRole.engineer},
    )


def test_a_token_is_a_jwt_without_anything_secret(world: World) -> None:
    header, claims, _ = world.token().split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    assert (read[0]["alg"], set(read[1])) == ("HS256", {"sub", "kind", "iat", "exp", "jti"})


def test_a_token_ends_after_five_minutes(world: World) -> None:
    token = world.token()
    world.clock.advance(299)
    assert world.who(token).status == 200
    world.clock.advance(1)
    refused(world.who(token))


async def test_a_token_holds_over_a_restart(world: World) -> None:
    token = world.token()
    fresh = world.restarted()
    assert await fresh.authenticate(token) == await world.tokens.authenticate(token)
    world.tokens = fresh
    assert world.who(token).status == 200


async def test_two_processes_that_start_at_once_share_one_secret(world: World) -> None:
    forms = [assertion.form(world.signed()) for _ in range(3)]
    issued = await asyncio.gather(*(world.restarted().exchange(form) for form in forms))
    assert len(await world.db.read(store.secrets)) == 1
    for one in issued:
        assert isinstance(await world.tokens.authenticate(one.access_token), User)


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "." * 5000, "é", "null", "e30.e30.e30"])
def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    refused(world.call("GET", "/who", headers={"authorization": f"Bearer {token}".encode().decode("latin-1")}))


def test_a_token_that_was_changed_is_refused(world: World) -> None:
    header, claims, signature = world.token().split(".")
    read = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**read, "exp": read["exp"] + 999}).encode()).rstrip(b"=").decode()
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for token in (f"{header}.{other}.{signature}", f"{header}.{claims}.{flipped}", f"{header}.{claims}."):
        refused(world.who(token))


def test_a_token_without_signature_or_of_another_secret_is_refused(world: World) -> None:
    header, claims, _ = world.token().split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    none = base64.urlsafe_b64encode(json.dumps({**read[0], "alg": "none"}).encode()).rstrip(b"=").decode()
    other = jwt.encode(read[0], read[1], OctKey.import_key("another secret of enough bytes!!"), ["HS256"])
    unknown = jwt.encode({**read[0], "kid": new_id()}, read[1], OctKey.import_key("x" * 32), ["HS256"])
    for token in (f"{none}.{claims}.", other, unknown, world.signed()):
        refused(world.who(token))


async def test_a_revoked_key_is_seen_at_once_here_and_within_a_second_elsewhere(world: World) -> None:
    token = world.token()
    elsewhere = world.restarted()
    await elsewhere.authenticate(token)
    await world.users.revoke_key(CLI, world.client_id)
    refused(world.who(token))
    assert isinstance(await elsewhere.authenticate(token), User)
    world.clock.advance(1)
    with pytest.raises(Unauthenticated):
        await elsewhere.authenticate(token)


async def test_a_lost_role_is_seen_at_once_here_and_within_a_second_elsewhere(world: World) -> None:
    token = world.token()
    elsewhere = world.restarted()
    before = await elsewhere.authenticate(token)
    assert await world.tokens.authenticate(token) == before
    await world.roles.unassign(CLI, world.tenant.development, {"user": {"id": world.ann.user.id}})
    after = await world.tokens.authenticate(token)
    assert isinstance(after, User)
    assert after.environments == {}
    assert await elsewhere.authenticate(token) == before
    world.clock.advance(1)
    assert await elsewhere.authenticate(token) == after


async def test_a_removed_user_is_nobody(world: World) -> None:
    await world.add_user(
        "b@clinic.test", PublicKeys.of(public_of(keys.ec())), organization_role=OrganizationRole.owner
    )
    token = world.token()
    await world.users.remove(CLI, world.ann.user.id)
    refused(world.who(token))


async def test_a_deleted_api_key_is_nobody(world: World) -> None:
    made = await world.apikeys.add(CLI, world.tenant.development, "key", public_of(keys.ec()))
    token = world.token(world.signed(iss=made.id, sub=made.id))
    assert world.who(token).status == 200
    await world.apikeys.delete(CLI, made.id)
    refused(world.who(token))


class SlowReads:
    """The store, that lets something happen while a read is under way."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.meanwhile: Any = None

    @property
    def shared(self) -> bool:
        return self._db.shared

    async def write(self, fn: Any, *, beside: Any = None) -> Any:
        return await self._db.write(fn, beside=beside)

    async def read(self, fn: Any) -> Any:
        found = await self._db.read(fn)
        if self.meanwhile:
            await self.meanwhile()
        return found

    async def close(self) -> None:
        await self._db.close()


async def test_what_was_read_while_roles_changed_is_not_kept(world: World) -> None:
    token = world.token()
    slow = SlowReads(world.db)
    world.tokens = tokens = type(world.tokens)(
        slow, world.vault, world.clock, world.tokens._keysets, audiences=frozenset
    )
    await tokens.authenticate(token)
    tokens.forget()

    async def lose_the_role() -> None:
        slow.meanwhile = None

        def leave(tx: Tx) -> None:
            memberships.unassign(tx, world.tenant.development, world.ann.user.id)

        await world.db.write(leave)
        tokens.forget()

    slow.meanwhile = lose_the_role
    await tokens.authenticate(token)
    found = await tokens.authenticate(token)
    assert isinstance(found, User)
    assert found.environments == {}


async def test_a_busy_client_costs_one_read_a_second(world: World) -> None:
    token = world.token()
    slow = SlowReads(world.db)
    reads = []

    async def count() -> None:
        reads.append(1)

    slow.meanwhile = count
    tokens = type(world.tokens)(slow, world.vault, world.clock, world.tokens._keysets, audiences=frozenset)
    for _ in range(50):
        await tokens.authenticate(token)
    assert len(reads) == 2  # the secret and the roles
    world.clock.advance(1)
    await tokens.authenticate(token)
    assert len(reads) == 3


async def test_a_lost_sealing_key_ends_tokens_and_locks_nobody_out(world: World, tmp_path: Any) -> None:
    token = world.token()
    world.vault = Vault(world.db, keyring.create(tmp_path / "another.key"), world.clock)
    world.tokens = world.restarted()
    assert await refuses(world, token)
    fresh = (await world.tokens.exchange(assertion.form(world.signed()))).access_token
    assert isinstance(await world.tokens.authenticate(fresh), User)
    assert isinstance(await world.restarted().authenticate(fresh), User)


async def test_the_signing_secret_does_not_lie_in_the_clear(world: World) -> None:
    world.token()
    (sealed,) = await world.db.read(store.secrets)
    opened = await world.db.read(
        lambda tx: world.vault.open(tx, sealed.secret, table="signing_secret", row=sealed.id)
    )
    assert len(opened) == 32
    assert opened not in sealed.secret
