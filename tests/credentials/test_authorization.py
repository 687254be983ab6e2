"""The cache of tokens: one fetch for many, ahead of the end, dropped when it must be."""

import asyncio

from tests.conftest import SetClock
from tests.credentials.authorizing import ID, a_credential, asking
from tests.support.oauth_server import Expected, OAuthServer
from waypost.credentials.authorization import Authorized, NotAuthorized
from waypost.egress.policy import Policy

CLIENT = Expected(client_id="the-client", client_secret="the-secret")


async def test_fifty_authorizations_share_one_fetch(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            tokens = await asyncio.gather(*(ask.token(a_credential(oauth.url)) for _ in range(50)))
        assert (set(tokens), oauth.fetches) == ({oauth.issued[0]}, 1)


async def test_a_stalled_fetch_is_waited_for_not_repeated(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.stall()
        async with asking(policy, clock) as ask:
            waiting = [asyncio.create_task(ask.token(a_credential(oauth.url))) for _ in range(20)]
            assert await asyncio.to_thread(oauth.wait, 1)
            oauth.go()
            assert len(set(await asyncio.gather(*waiting))) == 1
        assert oauth.fetches == 1


async def test_a_failed_fetch_is_shared_and_remembered_for_a_second(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refuse()
        async with asking(policy, clock) as ask:
            reasons = await asyncio.gather(*(ask.reason(a_credential(oauth.url)) for _ in range(50)))
            assert (set(reasons), oauth.fetches) == ({"token endpoint answered 401 (invalid_client)"}, 1)
            oauth.recover()
            clock.advance(0.999)
            assert isinstance(await ask(a_credential(oauth.url)), NotAuthorized)
            clock.advance(0.001)
            assert await ask.token(a_credential(oauth.url)) == oauth.issued[0]


async def test_a_clock_set_back_does_not_prolong_a_failure(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refuse(times=1)
        async with asking(policy, clock) as ask:
            await ask.reason(a_credential(oauth.url))
            clock.advance(-3600)
            assert await ask.token(a_credential(oauth.url)) == oauth.issued[0]


async def test_a_token_that_still_holds_is_used_while_its_renewal_fails(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            first = await ask.token(a_credential(oauth.url))
            oauth.refuse(503, "server_error")
            clock.advance(271)
            assert [await ask.token(a_credential(oauth.url)) for _ in range(3)] == [first] * 3
            assert oauth.fetches == 2
            clock.advance(29)
            assert await ask.reason(a_credential(oauth.url)) == "token endpoint answered 503 (server_error)"


async def test_a_change_of_the_credential_drops_its_token(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            first = await ask.token(a_credential(oauth.url))
            oauth.expect(client_secret="rotated")
            ask.secrets = {"clientSecret": "rotated"}
            second = await ask.token(a_credential(oauth.url, version=2))
            assert await ask.token(a_credential(oauth.url, version=2)) == second
        assert (oauth.issued, oauth.fetches) == ([first, second], 2)


async def test_a_change_of_the_credential_ends_the_memory_of_a_failure(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.expect(client_secret="rotated")
        async with asking(policy, clock) as ask:
            await ask.reason(a_credential(oauth.url))
            ask.secrets = {"clientSecret": "rotated"}
            assert await ask.token(a_credential(oauth.url, version=2)) == oauth.issued[0]


async def test_an_attempt_from_before_a_change_does_not_push_out_the_newer_token(
    policy: Policy, clock: SetClock
) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            newer = await ask.token(a_credential(oauth.url, version=2))
            await ask.token(a_credential(oauth.url, version=1))
            assert await ask.token(a_credential(oauth.url, version=2)) == newer


async def test_what_is_forgotten_is_fetched_again(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            first = await ask.token(a_credential(oauth.url))
            ask.authorizer.forget(ID)
            ask.authorizer.forget("nothing is known of this one")
            assert await ask.token(a_credential(oauth.url)) != first


async def test_a_forgotten_grant_is_not_refreshed(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refreshes = True
        async with asking(policy, clock) as ask:
            await ask.token(a_credential(oauth.url))
            ask.authorizer.forget(ID)
            await ask.token(a_credential(oauth.url))
        assert "refresh_token" not in oauth.requests[1].parameters


async def test_many_refusals_of_one_token_cost_one_fetch(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:

            async def after_a_401(used: Authorized | NotAuthorized) -> str:
                assert isinstance(used, Authorized)
                ask.authorizer.forget(ID, used)
                return await ask.token(a_credential(oauth.url))

            used = await ask(a_credential(oauth.url))
            tokens = [await after_a_401(used) for _ in range(20)]
        assert (set(tokens), oauth.fetches) == ({oauth.issued[1]}, 2)


async def test_a_token_fetched_before_it_was_forgotten_is_not_kept(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.stall()
        async with asking(policy, clock) as ask:
            waiting = asyncio.create_task(ask.token(a_credential(oauth.url)))
            assert await asyncio.to_thread(oauth.wait, 1)
            ask.authorizer.forget(ID)
            oauth.go()
            assert await waiting != await ask.token(a_credential(oauth.url))


async def test_a_cancelled_fetch_leaves_the_way_free(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.stall()
        async with asking(policy, clock) as ask:
            first = asyncio.create_task(ask.token(a_credential(oauth.url)))
            second = asyncio.create_task(ask.token(a_credential(oauth.url)))
            assert await asyncio.to_thread(oauth.wait, 1)
            first.cancel()
            oauth.go()
            assert await second in oauth.issued


async def test_credentials_do_not_wait_for_one_another(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as slow, OAuthServer(CLIENT) as quick:
        slow.stall()
        async with asking(policy, clock) as ask:
            waiting = asyncio.create_task(ask.token(a_credential(slow.url)))
            assert await asyncio.to_thread(slow.wait, 1)
            other = a_credential(quick.url, id="another")
            assert await ask.token(other) == quick.issued[0]
            slow.go()
            await waiting


async def test_nothing_secret_is_shown_by_repr(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refreshes = True
        async with asking(policy, clock) as ask:
            answer = await ask(a_credential(oauth.url))
            held = repr((answer, vars(ask.authorizer)))
        assert not [secret for secret in (*oauth.issued, "refresh-1", "the-secret") if secret in held]


async def test_stored_fields_that_are_no_longer_right_are_told(policy: Policy, clock: SetClock) -> None:
    async with asking(policy, clock) as ask:
        reason = await ask.reason(a_credential("http://127.0.0.1:1/", scopes=5))
    assert reason == "the credential's stored fields are not valid: /scopes"
