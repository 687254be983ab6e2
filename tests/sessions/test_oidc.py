"""Signing in by an identity provider: a real one on loopback, that checks what it is sent and lies on command."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey

from tests.sessions.conftest import CLI, IP, World
from tests.support import stores
from tests.support.identity_provider import IdentityProvider, shared_key
from waypost import ids
from waypost.access import OrganizationRole
from waypost.db.database import Database
from waypost.egress.client import Client
from waypost.egress.policy import Policy
from waypost.sessions.model import Means, NotSignedIn, SignedIn
from waypost.sessions.oidc import CALLBACK, Flow, NotVouched, Provider, Registration
from waypost.settings import load

HOME = "http://127.0.0.1:8080"
SECRET = "a secret/with: signs+"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """One store: what happens here happens between us and the provider."""
    async with stores.opened("sqlite", tmp_path) as opened:
        yield opened


@pytest.fixture
def theirs(world: World) -> Iterator[IdentityProvider]:
    with IdentityProvider("way post", SECRET, callback=HOME + CALLBACK) as provider:
        provider.now = lambda: world.clock.now_ms() / 1000
        yield provider


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(Policy(load(allowed_networks="127.0.0.0/8").allowed_networks))
    await made.start()
    yield made
    await made.close()


class Browser:
    """Somebody in front of both, one of our servers and the provider."""

    def __init__(self, world: World, theirs: IdentityProvider, client: Client) -> None:
        self.world, self.theirs = world, theirs
        us = Registration(theirs.client_id, theirs.secret)
        self.provider = Provider(
            client, world.clock, issuer=theirs.issuer, us=us, home=lambda: HOME, https_only=False
        )
        self.sessions = world.by(self.provider)

    async def start(self) -> Flow:
        flow = await self.provider.start()
        assert isinstance(flow, Flow)
        return flow

    async def come_back(self, flow: str, back: dict[str, str]) -> SignedIn | NotSignedIn | NotVouched:
        return await self.sessions.come_from_provider(flow, back, ip=IP, request_id="a-request", route="GET /x")

    async def sign_in(self, **other: str) -> SignedIn | NotSignedIn | NotVouched:
        flow = await self.start()
        return await self.come_back(flow.secret, self.theirs.visit(flow.url) | other)


@pytest.fixture
def browser(world: World, theirs: IdentityProvider, client: Client) -> Browser:
    return Browser(world, theirs, client)


async def refused(browser: Browser) -> str:
    """Why somebody who has everything here is not let in."""
    await browser.world.person(password=None)
    found = await browser.sign_in()
    assert isinstance(found, NotVouched)
    assert await browser.world.events("signed-in") == []
    return found.reason


async def test_whoever_the_provider_vouches_for_is_let_in(browser: Browser) -> None:
    user_id = await browser.world.person(password=None)

    entered = await browser.sign_in()

    assert isinstance(entered, SignedIn)
    assert (entered.session.user_id, entered.session.means) == (user_id, Means.provider)
    assert await browser.sessions.resume(entered.cookie, IP) == entered.session
    [event] = await browser.world.events("signed-in")
    assert (event["route"], event["details"]) == ("GET /x", {"id": user_id, "means": "provider"})
    assert browser.theirs.faults == []


async def test_the_address_is_compared_without_case(browser: Browser) -> None:
    await browser.world.person(password=None)
    browser.theirs.person["email"] = "Ann@Clinic.TEST"

    assert isinstance(await browser.sign_in(), SignedIn)


async def test_an_owner_needs_no_further_factor_then(browser: Browser) -> None:
    browser.world.exposed = True
    await browser.world.person(password=None, role=OrganizationRole.owner)

    entered = await browser.sign_in()

    assert isinstance(entered, SignedIn)
    assert not entered.session.needs_second_factor


async def test_a_public_client_has_no_secret(world: World, client: Client) -> None:
    await world.person(password=None)
    with IdentityProvider("waypost", None, callback=HOME + CALLBACK) as theirs:
        theirs.now = lambda: world.clock.now_ms() / 1000
        assert isinstance(await Browser(world, theirs, client).sign_in(), SignedIn)


async def test_a_provider_may_want_the_secret_in_the_form(browser: Browser) -> None:
    await browser.world.person(password=None)
    browser.theirs.said = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert isinstance(await browser.sign_in(), SignedIn)


async def test_an_address_that_stands_at_the_userinfo_endpoint_only_is_found_there(browser: Browser) -> None:
    await browser.world.person(password=None)
    browser.theirs.userinfo = dict(browser.theirs.person)
    browser.theirs.person = {"sub": "person-1"}

    assert isinstance(await browser.sign_in(), SignedIn)


async def test_userinfo_about_somebody_else_counts_for_nothing(browser: Browser) -> None:
    browser.theirs.userinfo = browser.theirs.person | {"sub": "person-2"}
    browser.theirs.person = {"sub": "person-1"}

    assert "does not say what your e-mail address is" in await refused(browser)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "id token: wrong_nonce"),
        ({"nonce": None}, "id token: wrong_nonce"),
        ({"aud": "another client"}, "id token: wrong_aud"),
        ({"aud": ["way post", "another client"]}, "id token: wrong_azp"),
        ({"azp": "another client"}, "id token: wrong_azp"),
        ({"iss": "http://127.0.0.1:9/realm"}, "id token: wrong_iss"),
        ({"exp": 1_765_999_900}, "id token: wrong_exp"),
        ({"exp": None}, "id token: wrong_exp"),
        ({"iat": 1_766_009_999}, "id token: wrong_iat"),
        ({"sub": None}, "id token: wrong_sub"),
        ({"email_verified": False}, "has not verified your e-mail address"),
        ({"email_verified": None}, "has not verified your e-mail address"),
        ({"email_verified": "true"}, "has not verified your e-mail address"),
        ({"email": None}, "does not say what your e-mail address is"),
        ({"email": ["ann@clinic.test"]}, "does not say what your e-mail address is"),
        ({"email": "nobody@clinic.test"}, "No user here has"),
    ],
)
async def test_a_token_that_is_not_right_in_all_parts_lets_nobody_in(
    browser: Browser, claims: dict[str, Any], reason: str
) -> None:
    browser.theirs.claims = claims
    assert reason in await refused(browser)


async def test_a_user_who_has_left_is_not_let_in(browser: Browser) -> None:
    user_id = await browser.world.person(password=None)
    await browser.world.users.remove(CLI, user_id)

    assert isinstance(await browser.sign_in(), NotVouched)


async def test_a_token_signed_by_another_key_lets_nobody_in(browser: Browser) -> None:
    browser.theirs.signs_with = ECKey.generate_key("P-256", {"kid": "key-1"})
    assert "id token: bad_signature" in await refused(browser)


async def test_a_token_signed_with_a_shared_secret_lets_nobody_in(browser: Browser) -> None:
    browser.theirs.signs_with, browser.theirs.algorithm = shared_key("x" * 40), "HS256"
    assert "id token: " in await refused(browser)


async def test_what_belongs_to_another_browser_lets_nobody_in(browser: Browser) -> None:
    """Somebody sends the answer to their own sign-in to another browser."""
    await browser.world.person(password=None)
    mine, others = await browser.start(), await browser.start()
    back = browser.theirs.visit(others.url)

    for flow in (mine.secret, "", "x" * 43, ids.new_secret()):
        assert isinstance(await browser.come_back(flow, back), NotVouched)
    assert isinstance(await browser.come_back(others.secret, back | {"state": ""}), NotVouched)
    assert isinstance(await browser.come_back(others.secret, back | {"state": "é"}), NotVouched)
    assert "/token" not in browser.theirs.requests


async def test_a_code_without_its_verifier_lets_nobody_in(browser: Browser) -> None:
    await browser.world.person(password=None)
    mine, others = await browser.start(), await browser.start()
    stolen = browser.theirs.visit(others.url)["code"]

    found = await browser.come_back(mine.secret, browser.theirs.visit(mine.url) | {"code": stolen})

    assert found == NotVouched("The sign-in at the identity provider did not work (token: invalid_grant).")
    assert browser.theirs.faults == ["pkce"]


async def test_a_code_is_good_once(browser: Browser) -> None:
    await browser.world.person(password=None)
    flow = await browser.start()
    back = browser.theirs.visit(flow.url)
    assert isinstance(await browser.come_back(flow.secret, back), SignedIn)

    assert isinstance(await browser.come_back(flow.secret, back), NotVouched)


@pytest.mark.parametrize(
    ("back", "reason"),
    [
        ({"error": "access_denied", "code": ""}, "authorization: access_denied"),
        ({"error": "<script>", "code": ""}, "authorization: no reason"),
        ({"code": ""}, "authorization: no reason"),
        ({"iss": "https://other.example"}, "another identity provider"),
    ],
)
async def test_a_provider_that_refuses_is_told_of_in_plain_words(
    browser: Browser, back: dict[str, str], reason: str
) -> None:
    found = await browser.sign_in(**back)
    assert isinstance(found, NotVouched)
    assert reason in found.reason


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "http://127.0.0.1:9/realm"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 5},
    ],
)
async def test_a_provider_that_says_something_else_than_it_is_is_not_used(
    browser: Browser, said: dict[str, Any]
) -> None:
    browser.theirs.said = said
    assert isinstance(await browser.provider.start(), NotVouched)


async def test_every_call_obeys_the_egress_policy(world: World, theirs: IdentityProvider) -> None:
    client = Client(Policy([]))
    await client.start()
    try:
        found = await Browser(world, theirs, client).provider.start()
    finally:
        await client.close()

    assert isinstance(found, NotVouched)
    assert theirs.requests == []


async def test_a_provider_is_asked_over_https_only(world: World, theirs: IdentityProvider, client: Client) -> None:
    us = Registration(theirs.client_id, theirs.secret)
    provider = Provider(client, world.clock, issuer=theirs.issuer, us=us, home=lambda: HOME)

    assert isinstance(await provider.start(), NotVouched)
    assert theirs.requests == []


async def test_what_the_provider_says_of_itself_is_asked_for_once_an_hour(browser: Browser) -> None:
    for _ in range(3):
        await browser.start()
    assert browser.theirs.requests == ["/realm/.well-known/openid-configuration"]
    browser.world.clock.advance(3601)
    await browser.start()
    assert len(browser.theirs.requests) == 2


async def test_one_address_cannot_have_us_call_the_provider_without_end(browser: Browser) -> None:
    """A flow needs nothing of ours, so that anybody can make one up."""
    found = [await browser.sign_in(code="made up") for _ in range(21)]

    assert found[-1] == NotSignedIn(2)
    assert browser.theirs.requests.count("/token") == 20


async def test_without_an_address_of_our_own_nobody_is_sent_off(
    world: World, theirs: IdentityProvider, client: Client
) -> None:
    us = Registration(theirs.client_id, theirs.secret)
    provider = Provider(client, world.clock, issuer=theirs.issuer, us=us, home=lambda: None, https_only=False)

    found = await provider.start()

    assert isinstance(found, NotVouched)
    assert "WAYPOST_BASE_URL" in found.reason


async def test_the_browser_is_told_neither_verifier_nor_flow(browser: Browser) -> None:
    flow = await browser.start()
    asked = dict(parse_qsl(urlsplit(flow.url).query))

    assert flow.secret not in flow.url
    assert flow.secret not in repr(flow)
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert SECRET not in repr(Registration("way post", SECRET))
