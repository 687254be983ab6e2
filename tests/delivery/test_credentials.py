"""Delivery under an OAuth credential: one token for many messages, a new one when it is refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.house import House
from tests.support.lanes import Lane, numbers
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, Reply, Request, answer, stall
from tests.support.serving import Answer
from tests.support.waiting import until

SECRET = "the-client-secret"


@dataclass
class Guarded:
    """A receiver that takes only tokens that its OAuth server gave and has not revoked."""

    house: House
    oauth: OAuthServer
    receiver: Receiver

    def judge(self, request: Request) -> Reply:
        return answer(200 if self.oauth.accepts(request.headers) else 401)

    def credential(self, **more: Any) -> str:
        """The id of a new credential."""
        tenant = self.house.household.clinic
        body = {
            "organization": tenant.id, "name": "Keys", "environmentId": tenant.development,
            "grantType": "client_credentials", "url": self.oauth.url,
            "clientId": "the-client", "clientSecret": SECRET,
        }  # fmt: skip
        made = self.house.call("POST", "/platform/v1/authcredentials", body | more)
        assert made.status == 201, made.body
        return str(made.payload["credential"]["id"])

    def patch(self, credential_id: str, **body: Any) -> Answer:
        """Update auth credential."""
        found = self.house.call("PATCH", f"/platform/v1/authcredentials/{credential_id}", body)
        assert found.status == 200, found.body
        return found

    def lane(self, credential_id: str | None = None, **more: Any) -> Lane:
        return Lane(
            self.house, endpoint=self.receiver.url, authCredential=credential_id or self.credential(), **more
        )


@pytest.fixture
def guarded(patient: House, receiver: Receiver) -> Iterator[Guarded]:
    with OAuthServer(Expected(client_id="the-client", client_secret=SECRET)) as oauth:
        made = Guarded(patient, oauth, receiver)
        receiver.behave(made.judge)
        yield made


def test_one_token_is_fetched_for_many_messages(guarded: Guarded) -> None:
    with guarded.lane() as lane:
        lane.send(*range(30))
        lane.until("idle")
    assert (guarded.oauth.fetches, numbers(guarded.receiver)) == (1, list(range(30)))
    assert {r.headers["authorization"] for r in guarded.receiver.requests} == {f"Bearer {guarded.oauth.issued[0]}"}


def test_the_verification_token_goes_beside_the_credential(guarded: Guarded) -> None:
    with guarded.lane(verificationToken="sesame") as lane:
        lane.send(1)
        lane.until("idle")
    [request] = guarded.receiver.requests
    assert request.headers["verification-token"] == "sesame"
    assert request.headers["authorization"] == f"Bearer {guarded.oauth.issued[0]}"


def test_a_refused_token_is_dropped_and_replaced_within_the_attempt(guarded: Guarded) -> None:
    with guarded.lane() as lane:
        lane.send(1)
        lane.until("idle")
        guarded.oauth.revoke()
        [log_id] = lane.send(2)
        lane.until("idle")
        assert [attempt.outcome for attempt in lane.attempts(log_id)] == ["delivered"]
    assert (guarded.oauth.fetches, numbers(guarded.receiver)) == (2, [1, 2, 2])


def test_a_new_token_that_is_refused_too_holds_the_queue(guarded: Guarded) -> None:
    guarded.receiver.behave(answer(401))
    with guarded.lane() as lane:
        [log_id] = lane.send(1)
        held = lane.until("held")
        assert (held["lastStatus"], held["head"]["attempts"]) == (401, 1)
        assert len(lane.attempts(log_id)) == 1
    assert (guarded.oauth.fetches, len(guarded.receiver.requests)) == (2, 2)


def test_another_refusal_than_401_fetches_no_token(guarded: Guarded) -> None:
    guarded.receiver.behave(answer(403))
    with guarded.lane() as lane:
        lane.send(1)
        lane.until("held")
    assert (guarded.oauth.fetches, len(guarded.receiver.requests)) == (1, 1)


def test_many_queues_whose_token_is_refused_share_one_new_token(guarded: Guarded) -> None:
    credential = guarded.credential()
    with ExitStack() as stack:
        lanes = [stack.enter_context(guarded.lane(credential)) for _ in range(8)]
        lanes[0].send(0)
        lanes[0].until("idle")
        guarded.oauth.revoke()
        guarded.receiver.behave(*[stall(answer(401))] * 8, guarded.judge)
        for lane in lanes:
            lane.send(1)
        guarded.receiver.wait(9)
        guarded.receiver.release()
        for lane in lanes:
            lane.until("idle")
    assert (guarded.oauth.fetches, len(guarded.receiver.requests)) == (2, 17)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b'{"error": "invalid_client"}', "token endpoint answered 401 (invalid_client)"),
        (500, b"oh", "token endpoint answered 500"),
        (200, b"{}", "token endpoint's answer has no access_token"),
    ],
)
def test_a_token_endpoint_that_fails_holds_the_queue_with_that_reason(
    guarded: Guarded, status: int, body: bytes, words: str
) -> None:
    guarded.oauth.answer(status, body)
    with guarded.lane() as lane:
        lane.send(1)
        held = lane.until("held")
        assert (held["reason"], held["lastStatus"]) == (f"No authorization: {words}.", None)
        assert guarded.receiver.requests == []


def test_a_token_endpoint_that_is_not_there_holds_the_queue(guarded: Guarded) -> None:
    with OAuthServer() as gone:
        url = gone.url
    with guarded.lane(guarded.credential(url=url)) as lane:
        lane.send(1)
        assert "token endpoint not reached" in lane.until("held")["reason"]


def test_a_credential_that_is_put_right_wakes_every_queue_that_uses_it(guarded: Guarded) -> None:
    credential = guarded.credential(clientSecret="wrong")
    with guarded.lane(credential) as one, guarded.lane(credential) as two:
        for lane in (one, two):
            lane.send(1, 2)
            assert "invalid_client" in lane.until("held")["reason"]
        guarded.patch(credential, clientSecret=SECRET)
        for lane in (one, two):
            lane.until("idle")
    assert sorted(numbers(guarded.receiver)) == [1, 1, 2, 2]


def test_a_changed_credential_is_used_for_the_very_next_attempt(guarded: Guarded) -> None:
    credential = guarded.credential()
    with guarded.lane(credential) as lane:
        lane.send(1)
        lane.until("idle")
        guarded.oauth.expect(client_secret="rotated")
        guarded.oauth.revoke()
        guarded.patch(credential, clientSecret="rotated")
        lane.send(2)
        lane.until("idle")
    assert numbers(guarded.receiver) == [1, 2]  # the old token is not tried once more


def test_an_attempt_in_flight_that_fails_after_the_credential_changed_is_due_at_once(guarded: Guarded) -> None:
    credential = guarded.credential()
    guarded.receiver.behave(stall(answer(403)), guarded.judge)
    with guarded.lane(credential) as lane:
        lane.send(1)
        guarded.receiver.wait(1)
        guarded.patch(credential, clientSecret=SECRET, name="Renamed")
        guarded.receiver.release()
        lane.until("idle")
    assert numbers(guarded.receiver) == [1, 1]


def test_another_credential_wakes_the_queue(guarded: Guarded) -> None:
    with guarded.lane(guarded.credential(clientSecret="wrong")) as lane:
        lane.send(1)
        lane.until("held")
        lane.patch(authCredential=guarded.credential())
        lane.until("idle")
    assert numbers(guarded.receiver) == [1]


def test_a_detached_credential_leaves_the_token_in_its_place(guarded: Guarded) -> None:
    guarded.receiver.behave(answer())
    with guarded.lane(guarded.credential(clientSecret="wrong"), verificationToken="sesame") as lane:
        lane.send(1)
        lane.until("held")
        lane.patch(authCredential=None)
        lane.until("idle")
    [request] = guarded.receiver.requests
    assert request.headers["authorization"] == "Bearer sesame"


def test_queues_that_wait_for_a_token_are_held_by_nothing_else(guarded: Guarded, other: Receiver) -> None:
    guarded.oauth.stall()
    with guarded.lane() as waiting, Lane(guarded.house, endpoint=other.url) as free:
        waiting.send(1)
        assert guarded.oauth.wait(1)
        free.send(*range(20))
        free.until("idle")
        assert numbers(guarded.receiver) == []
        guarded.oauth.go()
        waiting.until("idle")


def test_a_token_is_fetched_once_however_many_queues_begin_together(guarded: Guarded) -> None:
    credential = guarded.credential()
    guarded.oauth.stall()
    with ExitStack() as stack:
        lanes = [stack.enter_context(guarded.lane(credential)) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda lane: lane.send(1), lanes))
        guarded.oauth.go()
        for lane in lanes:
            lane.until("idle")
    assert guarded.oauth.fetches == 1
    until(lambda: len(numbers(guarded.receiver)) == 8)
