"""Public keys behind a URL: fetched seldom, kept for a while, never from where an assertion says."""

import asyncio
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.conftest import SetClock
from tests.support import keys
from tests.tokens.conftest import Urls, World

from waypost.access import OrganizationRole
from waypost.egress.client import Answer, Unreached
from waypost.tokens.assertion import public_of
from waypost.tokens.keysets import FRESH_MS, PAUSE_MS, STALE_MS, KeySets
from waypost.users.model import PublicKeys

URL = "https://keys.test/jwks.json"
FIRST, SECOND = public_of(keys.ec()), public_of(keys.rsa())
UNREACHED = Unreached("timeout", "Timed out.", True)


class Sets:
    """Key sets on a clock that stands still."""

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.urls = Urls()
        self.keysets = KeySets(self.urls, clock)
        self.serve(FIRST)

    def serve(self, *jwks: Any) -> None:
        self.answer(json.dumps({"keys": jwks}).encode())

    def answer(self, body: bytes, status: int = 200) -> None:
        self.urls.answers[URL] = Answer(status, {}, body)

    async def find(self, kid: str, url: str = URL) -> dict[str, Any] | None:
        return await self.keysets.key(jwks_url=url, jwk_set=None, kid=kid, https_only=True)


@pytest.fixture
def sets(clock: SetClock) -> Sets:
    return Sets(clock)


async def test_a_pasted_set_is_searched_without_any_call(sets: Sets) -> None:
    found = await sets.keysets.key(jwks_url=None, jwk_set={"keys": [SECOND, FIRST]}, kid="ec", https_only=True)
    assert found == FIRST
    for nothing in (None, {}, {"keys": 5}, {"keys": [5, None]}):
        assert await sets.keysets.key(jwks_url=None, jwk_set=nothing, kid="ec", https_only=True) is None
    assert sets.urls.asked == []


async def test_the_url_wins_over_a_pasted_set(sets: Sets) -> None:
    found = await sets.keysets.key(jwks_url=URL, jwk_set={"keys": [SECOND]}, kid="rsa", https_only=False)
    assert found is None
    assert sets.urls.asked == [(URL, False)]


async def test_a_fetched_set_is_kept_for_five_minutes(sets: Sets) -> None:
    for _ in range(5):
        assert await sets.find("ec") == FIRST
    sets.clock.advance(FRESH_MS / 1000 - 1)
    assert await sets.find("ec") == FIRST
    assert sets.urls.asked == [(URL, True)]
    sets.serve(SECOND)
    sets.clock.advance(1)
    assert await sets.find("ec") is None
    assert len(sets.urls.asked) == 2


async def test_an_unknown_kid_asks_again_but_not_more_often_than_every_ten_seconds(sets: Sets) -> None:
    assert await sets.find("ec") == FIRST
    sets.serve(FIRST, SECOND)
    for n in range(20):
        assert await sets.find(f"invented-{n}") is None
    assert len(sets.urls.asked) == 1
    sets.clock.advance(PAUSE_MS / 1000)
    assert await sets.find("rsa") == SECOND
    assert len(sets.urls.asked) == 2


async def test_many_at_once_share_one_call(sets: Sets) -> None:
    found = await asyncio.gather(*(sets.find("ec") for _ in range(20)))
    assert (found, len(sets.urls.asked)) == ([FIRST] * 20, 1)


async def test_a_url_that_is_away_is_done_without_for_an_hour(sets: Sets) -> None:
    await sets.find("ec")
    sets.urls.answers[URL] = UNREACHED
    sets.clock.advance(STALE_MS / 1000 - 1)
    assert await sets.find("ec") == FIRST
    sets.clock.advance(1)
    assert await sets.find("ec") is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"{", 200),
        (b"[]", 200),
        (b'{"keys":5}', 200),
        (b"[" * 9999, 200),
        (b"\xff", 200),
        (b"{}", 404),
    ],
)
async def test_an_answer_that_is_no_key_set_is_as_good_as_none(sets: Sets, body: bytes, status: int) -> None:
    sets.answer(body, status)
    assert await sets.find("ec") is None
    sets.serve(FIRST)
    assert await sets.find("ec") is None
    sets.clock.advance(PAUSE_MS / 1000)
    assert await sets.find("ec") == FIRST


async def test_what_stands_beside_keys_in_a_set_does_not_matter(sets: Sets) -> None:
    sets.serve(5, None, {"kid": 5}, {"kid": ["ec"]}, FIRST)
    assert await sets.find("ec") == FIRST


async def test_one_url_knows_nothing_of_another(sets: Sets) -> None:
    assert await sets.find("ec") == FIRST
    assert await sets.find("ec", "https://other.test/") is None


async def test_a_client_with_a_url_exchanges_assertions(world: World) -> None:
    added = await world.add_user(
        "url@clinic.test", PublicKeys(jwks_url=URL), organization_role=OrganizationRole.member
    )
    client_id = added.key.client_id
    world.urls.answers[URL] = Answer(200, {}, json.dumps({"keys": [FIRST]}).encode())
    assert world.exchange(world.signed(iss=client_id, sub=client_id)).status == 200
    private = ECKey.import_key({name: value for name, value in keys.ec().items() if name != "use"})
    claims = world.claims(iss=client_id, sub=client_id)
    same = jwt.encode({"alg": "ES384", "kid": "ec", "jku": URL}, claims, private, ["ES384"])
    assert world.exchange(same).status == 200
    claims = world.claims(iss=client_id, sub=client_id)
    other = jwt.encode({"alg": "ES384", "kid": "ec", "jku": URL + "?"}, claims, private, ["ES384"])
    assert world.exchange(other).status == 401
    assert world.urls.asked == [(URL, True)]


async def test_a_loopback_url_of_the_operators_own_may_be_plain_http(world: World) -> None:
    url = "http://127.0.0.1:9/jwks.json"
    added = await world.add_user("local@clinic.test", PublicKeys(jwks_url=url))
    client_id = added.key.client_id
    assert world.exchange(world.signed(iss=client_id, sub=client_id)).status == 401
    assert world.urls.asked == [(url, False)]
