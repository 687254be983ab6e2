"""Nodes of one store share a token: one fetches, the others wait for it, and nobody waits for the dead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.conftest import SetClock
from tests.credentials.authorizing import ask, authorizing
from tests.credentials.conftest import World
from tests.support.oauth_server import Expected, OAuthServer
from waypost.credentials import store
from waypost.credentials.authorization import QUIET_MS, Authorized, NotAuthorized
from waypost.credentials.sharing import LEASE_MS, Busy, Failing, Kept, Need, Shared, Turn
from waypost.credentials.strategies.strategy import Grant
from waypost.egress.policy import Policy
from waypost.errors import Unavailable

CLIENT = Expected(client_id="the-client", client_secret="the-secret")
GRANT = Grant({"authorization": "Bearer canary-token"}, 10**15, "canary-refresh")


def need(clock: SetClock, *, known: Grant | None = None, refused: Grant | None = None) -> Need:
    return Need(clock.now_ms(), QUIET_MS, known, refused)


@asynccontextmanager
async def two_nodes(world: World) -> AsyncIterator[tuple[Shared, Shared]]:
    yield Shared(world.db, world.vault), Shared(world.db, world.vault)


async def test_while_one_node_fetches_the_other_waits_and_takes_its_token(world: World, policy: Policy) -> None:
    with OAuthServer(CLIENT) as oauth:
        made = world.create(url=oauth.url, clientSecret="the-secret")
        oauth.stall()
        async with authorizing(world, policy) as one, authorizing(world, policy) as other:
            first = asyncio.create_task(ask(world, one, made["id"]))
            assert await asyncio.to_thread(oauth.wait, 1)
            second = asyncio.create_task(ask(world, other, made["id"]))
            oauth.go()
            assert await first == await second
            assert isinstance(first.result(), Authorized)
        assert oauth.fetches == 1


async def test_a_failure_is_shared_for_a_moment(world: World, policy: Policy) -> None:
    with OAuthServer(CLIENT) as oauth:
        made = world.create(url=oauth.url, clientSecret="the-secret")
        oauth.refuse(503, "server_error")
        async with authorizing(world, policy) as one, authorizing(world, policy) as other:
            first = await ask(world, one, made["id"])
            assert (await ask(world, other, made["id"]), oauth.fetches) == (first, 1)
            assert first == NotAuthorized("token endpoint answered 503 (server_error)")
            world.clock.advance(1)
            await ask(world, other, made["id"])
            assert oauth.fetches == 2


async def test_a_turn_ends_by_itself_when_its_node_has_died(world: World, clock: SetClock) -> None:
    made = world.create()
    credential = await world.db.read(lambda tx: store.get(tx, made["id"]))
    async with two_nodes(world) as (dead, other):
        assert await dead.look(credential, need(clock)) == Turn(None)
        assert await other.look(credential, need(clock)) == Busy(None)
        clock.advance(LEASE_MS / 1000)
        assert await other.look(credential, need(clock)) == Turn(None)
        await dead.put(credential, Kept(GRANT, 2**40))
        assert await dead.look(credential, need(clock)) == Busy(None)
        await other.put(credential, Kept(GRANT, 2**60))
        assert await dead.look(credential, need(clock)) == Kept(GRANT, 2**60)


async def test_a_grant_to_be_renewed_goes_on_meanwhile_and_a_refused_one_does_not(
    world: World, clock: SetClock
) -> None:
    made = world.create()
    credential = await world.db.read(lambda tx: store.get(tx, made["id"]))
    async with two_nodes(world) as (one, other):
        await one.look(credential, need(clock))
        await one.put(credential, Kept(GRANT, clock.now_ms() + 1000))
        clock.advance(1)
        assert await one.look(credential, need(clock)) == Turn(GRANT)
        assert await other.look(credential, need(clock)) == Busy(GRANT)
        assert await other.look(credential, need(clock, refused=GRANT)) == Busy(None)
        await one.put(credential, Failing(NotAuthorized("no"), clock.now_ms()))
        assert await other.look(credential, need(clock)) == Failing(NotAuthorized("no"), clock.now_ms())
        clock.advance(1)
        assert await other.look(credential, need(clock, refused=GRANT)) == Turn(None)


async def test_a_change_drops_what_is_shared_and_an_older_attempt_fetches_for_itself(
    world: World, clock: SetClock
) -> None:
    made = world.create()
    before = await world.db.read(lambda tx: store.get(tx, made["id"]))
    async with two_nodes(world) as (one, other):
        await one.look(before, need(clock))
        await one.put(before, Kept(GRANT, 2**60))
        assert world.patch(made["id"], {"clientSecret": "another"}).status == 200
        after = await world.db.read(lambda tx: store.get(tx, made["id"]))
        assert await other.look(after, need(clock)) == Turn(None)
        assert await one.look(before, need(clock)) == Turn(None)
        await one.put(before, Kept(GRANT, 2**60))
        assert await one.look(after, need(clock)) == Busy(None)
    assert world.delete(made["id"]).status == 200


async def test_a_node_whose_store_is_away_fetches_for_itself(world: World, clock: SetClock) -> None:
    made = world.create()
    credential = await world.db.read(lambda tx: store.get(tx, made["id"]))

    class Away:
        shared = True

        async def write(self, *_: object, **__: object) -> None:
            raise Unavailable("The store is away.")

    # `Away` is a store of which only the way it fails matters here: it has no more than that.
    node = Shared(Away(), world.vault)  # type: ignore[arg-type]
    assert await node.look(credential, need(clock, known=GRANT)) == Turn(GRANT)
    await node.put(credential, Kept(GRANT, 1))
