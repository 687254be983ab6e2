"""What is particular to single strategies."""

from typing import Any

import pytest

from tests.conftest import SetClock
from tests.credentials.authorizing import a_credential as oauth_credential
from tests.credentials.authorizing import asking
from tests.credentials.conftest import DEVELOPMENT
from tests.credentials.strategies.cases import CANARY, POOL, pem
from tests.support.oauth_server import Assertion, Expected, OAuthServer
from tests.support.sts_server import StsServer
from waypost.credentials.authorization import Authorized, NotAuthorized
from waypost.credentials.model import Credential
from waypost.credentials.strategies import keys
from waypost.credentials.strategies.basic import Basic
from waypost.credentials.strategies.google_wif import GoogleWif
from waypost.credentials.strategies.header import RESERVED, Header
from waypost.credentials.strategies.jwt_bearer import JwtBearer
from waypost.credentials.strategies.smart_backend import ASSERTION_TYPE, SmartBackend
from waypost.credentials.strategies.strategy import Fields
from waypost.egress.policy import Policy
from waypost.validation import check


def a_credential(strategy: str, **settings: Any) -> Credential:
    return Credential("i", 1, DEVELOPMENT, "n", strategy, settings, frozenset({"privateKey"}), 1, 0, 0)


def public(algorithm: str) -> dict[str, Any]:
    return keys.public_jwk(pem(algorithm), algorithm)


def given(model: type[Fields], **values: Any) -> Fields:
    return model.model_validate(values)


def codes(model: Any, **values: Any) -> list[tuple[str, str]]:
    _, faults = check(model, values)
    return [(fault.pointer, fault.code) for fault in faults]


RESERVED_EXAMPLES = [
    *sorted(RESERVED), "Content-Type", "HOST", "Waypost-Sequence", "waypost-", "Webhook-Signature", "webhook-id",
]  # fmt: skip


@pytest.mark.parametrize("name", RESERVED_EXAMPLES)
def test_a_header_that_others_set_is_refused(name: str) -> None:
    assert codes(Header, headerName=name, headerValue="v") == [("/headerName", "reserved_header")]


@pytest.mark.parametrize("name", ["X-Api-Key", "Authorization", "Ocp-Apim-Subscription-Key", "cookie"])
def test_other_headers_are_free(name: str) -> None:
    assert codes(Header, headerName=name, headerValue="a b") == []


@pytest.mark.parametrize("value", ["a\r\nHost: b", "a\nb", " a", "a ", "ä", "\x00", "a\x7f"])
def test_a_headers_value_cannot_break_out(value: str) -> None:
    assert codes(Header, headerName="X", headerValue=value) == [("/headerValue", "invalid_character")]


@pytest.mark.parametrize("name", ["a b", "a:", "ä", "a\r\nb", "(a)"])
def test_a_headers_name_is_a_token(name: str) -> None:
    assert codes(Header, headerName=name, headerValue="v") == [("/headerName", "invalid_character")]


def test_a_user_name_has_no_colon() -> None:
    assert codes(Basic, username="a:b", password="p") == [("/username", "invalid_character")]


async def test_smart_backend_proves_itself_anew_for_a_refresh(policy: Policy, clock: SetClock) -> None:
    with OAuthServer() as oauth:
        wanted = Assertion([public("ES384")], "ES384", "app", "app", "https://aud.example.com")
        oauth.expect(assertion=wanted, client_id_name="client", basic=False, on_refresh={"client": "app"})
        oauth.expect(parameters={"client": "app"})
        oauth.now, oauth.refreshes = clock.now_ms, True
        settings = {
            "url": oauth.url, "clientId": "app", "algorithm": "ES384", "clientIdName": "client",
            "includeJKU": False, "assertionAudience": "https://aud.example.com",
        }  # fmt: skip
        credential = a_credential("SMART_Backend", **settings)
        async with asking(policy, clock, privateKey=pem("ES384")) as ask:
            await ask.token(credential)
            clock.advance(280)
            await ask.token(credential)
        assert (oauth.faults, oauth.fetches) == ([], 2)
        assert oauth.requests[1].parameters["grant_type"] == "refresh_token"
        assert oauth.requests[0].parameters["client_assertion_type"] == ASSERTION_TYPE
        assert oauth.assertions[0]["jti"] != oauth.assertions[1]["jti"]


def test_smart_backend_takes_no_name_that_its_assertion_has() -> None:
    fields = given(
        SmartBackend, url="https://a", clientId="c", customFieldName="client_assertion", customFieldValue="x"
    )
    assert [(fault.pointer, fault.code) for fault in fields.faults()] == [("/customFieldName", "shared_name")]


async def test_the_checking_server_finds_a_wrong_assertion(policy: Policy, clock: SetClock) -> None:
    """The suite's own teeth: another audience, algorithm, time or key is seen."""
    right = Assertion([public("ES384")], "ES384", "me", "me", "https://right.example.com", "assertion")
    wrong = {
        "claims": {"audience": "https://wrong.example.com"},
        "unreadable: UnsupportedAlgorithmError": {"algorithm": "ES256", "privateKey": pem("ES256")},
        "unreadable: BadSignatureError": {"privateKey": keys.make("ES384")},
    }
    for reason, changes in wrong.items():
        given = {
            "audience": "https://right.example.com",
            "algorithm": "ES384",
            "privateKey": pem("ES384"),
            **changes,
        }
        with OAuthServer(Expected(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer")) as oauth:
            kid = keys.public_jwk(given["privateKey"], given["algorithm"])["kid"]
            known = {**public("ES384"), "kid": kid}
            oauth.expect(assertion=Assertion([known], "ES384", "me", "me", right.aud, "assertion"))
            oauth.now = clock.now_ms
            key = given.pop("privateKey")
            async with asking(policy, clock, privateKey=key) as ask:
                answer = await ask(a_credential("JWT_Bearer", url=oauth.url, issuer="me", **given))
        assert isinstance(answer, NotAuthorized)
        assert [fault.split(" ")[0] for fault in oauth.faults] == ["assertion:"], reason


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"lifetime": "1h"}, [("/lifetime", "string_pattern_mismatch")]),
        ({"lifetime": 43201}, [("/lifetime", "too_long")]),
        ({"options": "[]"}, [("/options", "no_json_object")]),
        ({"delegates": []}, [("/delegates", "too_short")]),
    ],
)
def test_google_wif_says_what_is_wrong(given: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert codes(GoogleWif, audience=POOL, **given) == faults


def test_impersonation_is_needed_for_what_only_it_takes() -> None:
    fields = given(GoogleWif, audience=POOL, lifetime="60s")
    assert [fault.pointer for fault in fields.faults()] == ["/service_account_impersonation_url"]


def wif(sts: StsServer, **more: Any) -> Credential:
    settings = {"audience": POOL, "token_url": sts.url, "algorithm": "ES256", "issuer": "https://me", **more}
    return a_credential("GoogleWIF", **settings)


def exchange(sts: StsServer, clock: SetClock) -> None:
    sts.now = clock.now_ms
    sts.expect(
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        parameters={
            "audience": POOL, "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        },
        assertion=Assertion([public("ES256")], "ES256", "https://me", "waypost", POOL, "subject_token"),
    )  # fmt: skip


async def test_without_impersonation_the_exchanged_token_is_used(policy: Policy, clock: SetClock) -> None:
    with StsServer(Expected()) as sts:
        exchange(sts, clock)
        async with asking(policy, clock, privateKey=pem("ES256")) as ask:
            assert await ask.token(wif(sts)) == sts.issued[0]
        assert sts.faults == []


async def test_a_failing_impersonation_is_said_as_such(policy: Policy, clock: SetClock) -> None:
    with StsServer(Expected()) as sts:
        exchange(sts, clock)
        async with asking(policy, clock, privateKey=pem("ES256")) as ask:
            reason = await ask.reason(wif(sts, service_account_impersonation_url=sts.impersonation_url))
        assert reason == "service account impersonation answered 400"


async def test_google_wif_needs_an_issuer(policy: Policy, clock: SetClock) -> None:
    with StsServer(Expected()) as sts:
        async with asking(policy, clock, privateKey=pem("ES256")) as ask:
            reason = await ask.reason(
                a_credential("GoogleWIF", audience=POOL, token_url=sts.url, algorithm="ES256")
            )
        assert "WAYPOST_BASE_URL" in reason
        assert sts.fetches == 0


def test_a_jwt_bearers_key_fits_its_algorithm() -> None:
    fields = given(JwtBearer, url="https://a", issuer="i", algorithm="ES256", privateKey=pem("ES384"))
    assert [fault.pointer for fault in fields.faults()] == ["/privateKey"]


async def test_the_least_used_tokens_go_first_when_memory_is_full(policy: Policy, clock: SetClock) -> None:
    with OAuthServer(Expected(client_id="the-client", client_secret=CANARY)) as oauth:
        async with asking(policy, clock, most_held=2, clientSecret=CANARY) as ask:
            one, two, three = (oauth_credential(oauth.url, id=str(number)) for number in range(3))
            for each in (one, two, one, three):
                await ask(each)
            assert oauth.fetches == 3
            assert isinstance(await ask(one), Authorized)
            assert oauth.fetches == 3
            await ask(two)
            assert oauth.fetches == 4
