"""The token request of `OAuth_2.0_2-legged`, field by field, against a real token server."""

import base64
import ipaddress
import json
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.credentials.authorizing import a_credential, asking
from tests.support.oauth_server import Expected, OAuthServer
from waypost.credentials.authorization import Authorized, NotAuthorized
from waypost.egress.policy import Policy

CLIENT = Expected(client_id="the-client", client_secret="the-secret")


def expected(**changes: Any) -> Expected:
    return Expected(**{"client_id": "the-client", "client_secret": "the-secret", **changes})


REQUESTS: dict[str, tuple[dict[str, Any], Expected]] = {
    "id and secret by HTTP Basic": ({}, expected()),
    "id and secret as parameters": ({"noBasic": True}, expected(basic=False)),
    "renamed parameters": (
        {"noBasic": True, "grantTypeName": "gt", "clientIdName": "app", "clientSecretName": "key"},
        expected(basic=False, grant_type_name="gt", client_id_name="app", client_secret_name="key"),
    ),
    "a JSON body": (
        {"noBasic": True, "contentType": "application/json", "audience": "a"},
        expected(basic=False, content_type="application/json", parameters={"audience": "a"}),
    ),
    "a JSON body beside HTTP Basic": (
        {"contentType": "application/json"}, expected(content_type="application/json"),
    ),
    "scope, audience, resource and one more": (
        {
            "scopes": "a b", "audience": "x&y", "resource": "ré=s",
            "customFieldName": "tenant", "customFieldValue": "7",
        },
        expected(parameters={"scope": "a b", "audience": "x&y", "resource": "ré=s", "tenant": "7"}),
    ),
    "renamed fields of the answer": (
        {"accessTokenName": "tok", "expiresFieldName": "ttl"},
        expected(access_token_name="tok", expires_name="ttl"),
    ),
    "the user's name left alone by a client's grant": ({"username": "nurse"}, expected()),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "wanted"), REQUESTS.values(), ids=REQUESTS)
async def test_the_token_request_carries(
    settings: dict[str, Any], wanted: Expected, policy: Policy, clock: SetClock
) -> None:
    with OAuthServer(wanted) as oauth:
        async with asking(policy, clock) as ask:
            answer = await ask(a_credential(oauth.url, **settings))
        assert (oauth.faults, answer) == ([], Authorized({"authorization": f"Bearer {oauth.issued[0]}"}))
        assert oauth.accepts(dict(answer.headers) if isinstance(answer, Authorized) else {})


async def test_a_password_grant_sends_the_user(policy: Policy, clock: SetClock) -> None:
    wanted = expected(grant_type="password", parameters={"username": "nurse", "password": "p w"})
    with OAuthServer(wanted) as oauth:
        async with asking(policy, clock, clientSecret="the-secret", password="p w") as ask:
            assert await ask.token(a_credential(oauth.url, grantType="password", username="nurse"))
        assert oauth.faults == []


async def test_a_client_without_a_secret_names_itself_in_a_parameter(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(
        Expected(parameters={"client_id": "the-client", "username": "u", "password": "p"}, grant_type="password")
    ) as oauth:
        async with asking(policy, clock, password="p") as ask:
            await ask(a_credential(oauth.url, grantType="password", username="u"))
        assert oauth.faults == []


AWKWARD = ["100% +sure", "zzzSecret!!", "a:b/c=d&e", "ünï", "%41"]


@pytest.mark.parametrize("secret", AWKWARD)
@pytest.mark.parametrize("no_basic", [False, True])
async def test_awkward_ids_and_secrets_arrive_whole(
    secret: str, no_basic: bool, policy: Policy, clock: SetClock
) -> None:
    with OAuthServer(expected(client_id="id:" + secret, client_secret=secret, basic=not no_basic)) as oauth:
        async with asking(policy, clock, clientSecret=secret) as ask:
            await ask(a_credential(oauth.url, clientId="id:" + secret, noBasic=no_basic))
        assert oauth.faults == []


async def test_most_secrets_go_by_basic_as_they_are(policy: Policy, clock: SetClock) -> None:
    secret = "zzzSecret-assigned~by/authorization=server!!"
    with OAuthServer() as oauth:
        async with asking(policy, clock, clientSecret=secret) as ask:
            await ask(a_credential(oauth.url))
        sent = oauth.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"the-client:{secret}"


LIFETIMES: list[tuple[int | str | None, dict[str, Any], float]] = [
    (1000, {}, 1000),
    ("1000", {}, 1000),
    (None, {}, 300),
    (None, {"defaultExpirationSeconds": 50}, 50),
    ("soon", {"defaultExpirationSeconds": 50}, 50),
    (True, {"defaultExpirationSeconds": 50}, 50),
    ("inf", {"defaultExpirationSeconds": 50}, 50),
    ("1e9", {}, 365 * 24 * 3600),
]


@pytest.mark.parametrize(("said", "settings", "seconds"), LIFETIMES)
async def test_a_token_lives_as_long_as_is_said_or_by_default(
    said: int | str | None, settings: dict[str, Any], seconds: float, policy: Policy, clock: SetClock
) -> None:
    early = min(30, seconds / 10)
    with OAuthServer(CLIENT) as oauth:
        oauth.lifetime = said
        credential = a_credential(oauth.url, **settings)
        async with asking(policy, clock) as ask:
            first = await ask.token(credential)
            clock.advance(seconds - early - 0.001)
            assert await ask.token(credential) == first
            clock.advance(0.001)
            assert await ask.token(credential) != first


@pytest.mark.parametrize("said", [0, -5, "-1"])
async def test_a_token_that_ends_at_once_is_used_once(said: int | str, policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.lifetime = said
        async with asking(policy, clock) as ask:
            tokens = [await ask.token(a_credential(oauth.url)) for _ in range(2)]
        assert tokens == oauth.issued


REFUSALS: list[tuple[int, bytes, str]] = [
    (401, b'{"error": "invalid_client"}', "token endpoint answered 401 (invalid_client)"),
    (400, b'{"error": "Bad thing: the-secret"}', "token endpoint answered 400"),
    (400, b'{"error": "the-secret"}', "token endpoint answered 400"),
    (400, b'{"error": {"a": 1}}', "token endpoint answered 400"),
    (500, b"<html>the-secret</html>", "token endpoint answered 500"),
    (302, b"", "token endpoint answered 302"),
    (204, b"", "token endpoint answered 204, but not with a JSON object"),
    (200, b"access_token=x", "token endpoint answered 200, but not with a JSON object"),
    (200, b"[1]", "token endpoint answered 200, but not with a JSON object"),
    (200, b"[" * 100_000, "token endpoint answered 200, but not with a JSON object"),
    (200, b'"\xff\xfe"', "token endpoint answered 200, but not with a JSON object"),
    (200, b"{}", "token endpoint's answer has no access_token"),
    (200, b'{"error": "access_denied"}', "token endpoint's answer has no access_token (access_denied)"),
    (200, b'{"access_token": 5}', "token endpoint's answer has no access_token"),
    (200, b'{"access_token": ""}', "token endpoint's answer has no access_token"),
    (
        200,
        b'{"access_token": "a\\r\\nx-evil: 1"}',
        "token endpoint's token is too long or has characters that no header can carry",
    ),
    (
        200,
        json.dumps({"access_token": "t" * 16385}).encode(),
        "token endpoint's token is too long or has characters that no header can carry",
    ),
]


@pytest.mark.parametrize(("status", "body", "reason"), REFUSALS)
async def test_a_useless_answer_is_told_in_our_words_alone(
    status: int, body: bytes, reason: str, policy: Policy, clock: SetClock
) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.answer(status, body)
        async with asking(policy, clock) as ask:
            assert await ask.reason(a_credential(oauth.url)) == reason


async def test_an_error_word_that_echoes_a_secret_is_not_repeated(policy: Policy, clock: SetClock) -> None:
    with OAuthServer() as oauth:
        async with asking(policy, clock, clientSecret="swordfish") as ask:
            for word in ("swordfish", "swordfish_is_wrong", "sword"):
                oauth.refuse(400, word)
                assert await ask.reason(a_credential(oauth.url)) == "token endpoint answered 400"
                clock.advance(2)


async def test_an_endpoint_that_does_not_listen_is_told(policy: Policy, clock: SetClock) -> None:
    with OAuthServer() as oauth:
        url = oauth.url
    async with asking(policy, clock) as ask:
        reason = await ask.reason(a_credential(url))
    assert reason == "token endpoint not reached: The host refused the connection: nothing listens on that port."


async def test_an_endpoint_that_stalls_is_given_up(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.stall()
        async with asking(policy, clock, timeout_seconds=0.3) as ask:
            reason = await ask.reason(a_credential(oauth.url))
    assert reason == "token endpoint not reached: No answer within 0.3 s."


async def test_outside_development_only_https_is_called(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            ask.https_only = True
            assert (await ask.reason(a_credential(oauth.url))).startswith("token endpoint not reached: Use https")
        assert oauth.fetches == 0


async def test_a_forbidden_address_is_not_called(clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(Policy([ipaddress.ip_network("10.0.0.0/8")]), clock) as ask:
            answer = await ask(a_credential(oauth.url))
        assert (isinstance(answer, NotAuthorized), oauth.fetches) == (True, 0)


async def test_a_refresh_token_is_used_before_the_token_ends(policy: Policy, clock: SetClock) -> None:
    wanted = expected(
        refresh_grant_type="renew", refresh_token_name="rt", parameters={"scope": "s", "audience": "a"},
        on_refresh={"audience": "a"},
    )  # fmt: skip
    settings: dict[str, Any] = {
        "refreshGrantType": "renew",
        "refreshTokenName": "rt",
        "scopes": "s",
        "audience": "a",
    }
    with OAuthServer(wanted) as oauth:
        oauth.refreshes = True
        credential = a_credential(oauth.url, **settings)
        async with asking(policy, clock) as ask:
            for _ in range(3):
                await ask.token(credential)
                clock.advance(271)
        assert (oauth.faults, len(oauth.issued)) == ([], 3)
        assert [request.parameters.get("rt") for request in oauth.requests] == [
            None, f"refresh-1-of-{oauth.port}", f"refresh-2-of-{oauth.port}",
        ]  # fmt: skip


async def test_a_refresh_token_is_kept_when_the_answer_has_no_new_one(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        async with asking(policy, clock) as ask:
            oauth.answer(200, b'{"access_token": "a", "refresh_token": "the-first"}')
            await ask.token(a_credential(oauth.url))
            oauth.answer(200, b'{"access_token": "b"}')
            for _ in range(2):
                clock.advance(271)
                await ask.token(a_credential(oauth.url))
        assert [request.parameters.get("refresh_token") for request in oauth.requests] == [
            None, "the-first", "the-first",
        ]  # fmt: skip


async def test_a_refused_refresh_falls_back_to_the_full_grant(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refreshes = True
        async with asking(policy, clock) as ask:
            await ask.token(a_credential(oauth.url))
            oauth.revoke()
            clock.advance(271)
            assert await ask.token(a_credential(oauth.url)) == oauth.issued[-1]
        assert (oauth.fetches, oauth.faults, len(oauth.issued)) == (3, ["refresh token"], 2)


async def test_a_refresh_that_does_not_reach_the_endpoint_is_not_tried_twice(
    policy: Policy, clock: SetClock
) -> None:
    with OAuthServer(CLIENT) as oauth:
        oauth.refreshes = True
        async with asking(policy, clock, timeout_seconds=0.3) as ask:
            await ask.token(a_credential(oauth.url))
            oauth.stall()
            clock.advance(301)
            assert "No answer" in await ask.reason(a_credential(oauth.url))
            assert oauth.fetches == 2
