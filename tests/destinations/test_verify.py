"""Verify destination: the handshake to the byte, what is stored of it, and what a failure says."""

import uuid
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest

from tests.destinations.calls import AZURE, Made, get, ours, patch, patched, path, settings, state
from tests.destinations.conftest import echo
from tests.support.house import House
from tests.support.receiver import Behaviour, Receiver, Reply, Request, answer, garbage, hang_up, redirect, reset
from tests.support.serving import Answer

TOKEN = 'zzz+secret/&"<>\\~'


def verify(house: House, made: Made, body: Any = None, **more: Any) -> Answer:
    return house.call("POST", path(made) + "/verify", body, **more)


@pytest.fixture
def made(house: House, receiver: Receiver) -> Made:
    """A destination at the receiver, which echoes every challenge."""
    receiver.behave(echo)
    return house.destination(endpoint=receiver.url + "in", verificationToken=TOKEN)


def test_post_carries_token_and_challenge_in_the_body_and_no_token_header(
    house: House, receiver: Receiver, made: Made
) -> None:
    assert verify(house, made).status == 200
    (sent,) = receiver.requests
    assert (sent.method, sent.target) == ("POST", "/in")
    assert list(sent.json) == ["verification-token", "challenge"]
    assert sent.json["verification-token"] == TOKEN
    assert str(uuid.UUID(sent.json["challenge"])) == sent.json["challenge"]
    assert sent.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "application-name": "RedoxEngine",
        "content-type": "application/json",
        "content-length": str(len(sent.body)),
        "connection": "close",
        "user-agent": "Waypost",
    }


def test_get_carries_both_in_the_query_and_the_token_in_the_header_too(
    house: House, receiver: Receiver, made: Made
) -> None:
    assert verify(house, made, {"verificationMethod": "GET"}).status == 200
    (sent,) = receiver.requests
    query = parse_qs(urlsplit(sent.target).query, strict_parsing=True)
    assert (sent.method, urlsplit(sent.target).path, sent.body) == ("GET", "/in", b"")
    assert (sorted(query), query["verification-token"]) == (["challenge", "verification-token"], [TOKEN])
    assert sent.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "application-name": "RedoxEngine",
        "verification-token": TOKEN,
        "connection": "close",
        "user-agent": "Waypost",
    }


@pytest.mark.parametrize("query", ["a=b&c=%20", "a", "sig=%2F%2f+x"])
def test_get_keeps_the_endpoints_own_query(house: House, receiver: Receiver, made: Made, query: str) -> None:
    endpoint = f"{receiver.url}in?{query}"
    assert verify(house, made, {"verificationMethod": "GET", "endpoint": endpoint}).status == 200
    assert receiver.requests[0].target.startswith(f"/in?{query}&")


def test_each_handshake_has_a_challenge_of_its_own(house: House, receiver: Receiver, made: Made) -> None:
    for _ in range(3):
        assert verify(house, made).status == 200
    assert len({sent.json["challenge"] for sent in receiver.requests}) == 3


def test_a_verified_destination_is_shown_with_its_status(house: House, made: Made) -> None:
    assert state(house, made) == "unverified"
    answer = verify(house, made)
    assert (answer.status, answer.payload["destination"]) == (200, made | {"verificationStatus": "verified"})
    shown = settings(house, made)["verification"]
    assert (shown["state"], shown["method"]) == ("verified", "POST")
    assert shown["at"].endswith("Z")
    assert get(house, made) == made


@pytest.mark.parametrize("wrap", [b"%s", b'{"challenge":"%s"}', b"<p>%s</p>", b"x" * 60_000 + b"%s"], ids=range(4))
@pytest.mark.parametrize("status", [200, 201, 206, 299])
def test_any_2xx_with_the_challenge_anywhere_is_a_success(
    house: House, receiver: Receiver, made: Made, wrap: bytes, status: int
) -> None:
    receiver.behave(lambda sent: answer(status, wrap % sent.json["challenge"].encode()))
    assert verify(house, made).status == 200


def test_sent_values_are_used_and_stored(house: House, receiver: Receiver) -> None:
    receiver.behave(echo)
    made = house.destination(endpoint="http://127.0.0.1:9/", verificationToken="old")
    sent = {"endpoint": receiver.url + "new", "verificationToken": "new", "verificationMethod": "GET"}
    assert verify(house, made, sent).payload["destination"]["endpoint"] == sent["endpoint"]
    assert get(house, made)["endpoint"] == sent["endpoint"]
    assert settings(house, made)["verification"]["method"] == "GET"
    assert verify(house, made).status == 200
    assert [request.headers["verification-token"] for request in receiver.requests] == ["new", "new"]


def test_sent_values_are_forgotten_when_the_handshake_fails(house: House, receiver: Receiver, made: Made) -> None:
    receiver.behave(answer(500), echo)
    sent = {"endpoint": receiver.url + "new", "verificationToken": "new", "verificationMethod": "GET"}
    assert verify(house, made, sent).status == 409
    assert get(house, made) == made
    assert settings(house, made)["verification"] == {"state": "unverified", "at": None, "method": "POST"}
    assert verify(house, made).status == 200
    assert receiver.requests[-1].json["verification-token"] == TOKEN


def test_nulls_and_an_empty_body_mean_what_is_stored(house: House, made: Made) -> None:
    nulls = {"endpoint": None, "verificationToken": None, "verificationMethod": None}
    assert [verify(house, made, body).status for body in (None, {}, nulls)] == [200, 200, 200]


def test_what_is_neither_stored_nor_sent_is_asked_for(house: House) -> None:
    answer = verify(house, house.destination())
    assert (answer.status, answer.faults) == (400, [("/endpoint", "required"), ("/verificationToken", "required")])


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"verificationMethod": "PUT"}, "/verificationMethod", "literal_error"),
        ({"verificationMethod": "post"}, "/verificationMethod", "literal_error"),
        ({"verificationToken": "a b"}, "/verificationToken", "invalid_character"),
        ({"endpoint": "http://169.254.169.254/"}, "/endpoint", "address_not_allowed"),
        ({"endpoint": 1}, "/endpoint", "wrong_type"),
        ({"token": "x"}, "/token", "unknown_field"),
    ],
)
def test_a_field_that_is_wrong_is_refused_before_anything_is_sent(
    house: House, receiver: Receiver, made: Made, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = verify(house, made, body)
    assert (answer.status, answer.faults) == (400, [(pointer, code)])
    assert receiver.requests == []


def test_a_stored_endpoint_is_judged_again(house: House) -> None:
    made = house.destination("Production", endpoint="https://one.example.com/", verificationToken=TOKEN)
    answer = verify(house, made, {"endpoint": "http://one.example.com/"})
    assert answer.faults == [("/endpoint", "https_required")]


def test_a_cloud_destination_is_verified_by_a_probe_and_needs_a_credential_for_it(house: House) -> None:
    made = house.destination(cloudProviderSettings=AZURE, verificationToken=TOKEN)
    answer = verify(house, made, {"endpoint": "https://one.example.com/"})
    faults = [("/authCredential", "required"), ("/endpoint", "cloud_destination")]
    assert (answer.status, sorted(answer.faults)) == (400, faults)


def without_challenge(status: int) -> Behaviour:
    return answer(status, b"Thank you.")


def with_challenge(status: int) -> Behaviour:
    def reply(sent: Request) -> Reply:
        return answer(status, sent.json["challenge"].encode())

    return reply


@pytest.mark.parametrize("status", [300, 302, 400, 401, 404, 500, 503])
def test_another_status_is_a_failure_although_it_echoes(
    house: House, receiver: Receiver, made: Made, status: int
) -> None:
    receiver.behave(with_challenge(status))
    answer = verify(house, made)
    assert (answer.status, answer.json["type"]) == (409, "/problems/not_verified")
    assert str(status) in answer.json["detail"]
    assert state(house, made) == "unverified"


def test_an_answer_without_the_challenge_is_a_failure_and_is_quoted(
    house: House, receiver: Receiver, made: Made
) -> None:
    receiver.behave(without_challenge(200))
    answer = verify(house, made)
    assert answer.status == 409
    assert answer.json["detail"] == (
        "The endpoint answered 200 without the challenge in its body. It said: Thank you."
    )


def test_an_empty_answer_is_called_so(house: House, receiver: Receiver, made: Made) -> None:
    receiver.behave(answer(204))
    assert "empty" in verify(house, made).json["detail"]


def test_a_redirect_is_not_followed(house: House, receiver: Receiver, made: Made) -> None:
    with Receiver(echo) as other:
        receiver.behave(redirect(other.url))
        answer = verify(house, made)
        assert (answer.status, "302" in answer.json["detail"]) == (409, True)
        assert other.requests == []


@pytest.mark.parametrize("behaviour", [hang_up(), reset(), garbage()])
def test_no_answer_at_all_is_a_failure_in_words(
    house: House, receiver: Receiver, made: Made, behaviour: Reply
) -> None:
    receiver.behave(behaviour)
    answer = verify(house, made)
    assert answer.status == 409
    assert answer.json["detail"].startswith("The endpoint was not verified: ")


def test_nobody_listening_is_a_failure_in_words(house: House, receiver: Receiver, made: Made) -> None:
    receiver.close()
    answer = verify(house, made)
    assert (answer.status, "refused" in answer.json["detail"]) == (409, True)


def said(answer: Answer) -> str:
    """What a failure quotes of the endpoint's answer."""
    detail: str = answer.json["detail"]
    return detail.partition(" It said: ")[2]


@pytest.mark.parametrize(
    "body", [b"x" * 513, b"x" * 100_000, "é".encode() * 600, b"\x00" * 600, "🏥".encode() * 600]
)
def test_at_most_512_escaped_characters_are_quoted(
    house: House, receiver: Receiver, made: Made, body: bytes
) -> None:
    receiver.behave(answer(500, body))
    quoted = said(verify(house, made))
    assert 500 < len(quoted) <= 512
    assert quoted.isascii()
    assert quoted.isprintable()


def test_control_characters_are_escaped(house: House, receiver: Receiver, made: Made) -> None:
    receiver.behave(answer(500, b"a\r\nb\x1b[31m\xff\\"))
    assert said(verify(house, made)) == r"a\r\nb\x1b[31m\ufffd" + "\\\\"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "spelled",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        quote(TOKEN),
        quote(TOKEN, safe="").lower(),
        'zzz+secret/&\\"<>\\\\~',
        "zzz+secret/&amp;&quot;&lt;&gt;\\~",
    ],
)
def test_an_echoed_token_is_taken_out_of_what_is_quoted(
    house: House, receiver: Receiver, made: Made, spelled: str, method: str
) -> None:
    receiver.behave(answer(500, f"No: {spelled}; {'x' * 400} {spelled}".encode()))
    answered = verify(house, made, {"verificationMethod": method})
    assert answered.status == 409
    assert said(answered).startswith("No: [token]; xxx")
    assert b"secret" not in answered.body


@pytest.mark.parametrize(
    "spelled", ["zzz+secret/\\u0026\\u0022\\u003c\\u003e\\\\~", 'zzz%2Bsecret/&amp;"<>\\\\\\~', "\\z" + TOKEN[1:]]
)
def test_an_answer_that_repeats_the_token_in_no_usual_way_is_not_quoted(
    house: House, receiver: Receiver, made: Made, spelled: str
) -> None:
    receiver.behave(answer(500, f"No: {spelled}".encode()))
    answered = verify(house, made)
    assert (answered.status, b"secret" in answered.body) == (409, False)
    assert "500" in answered.json["detail"]


def test_an_endpoint_that_repeats_the_whole_request_gives_no_token_away(
    house: House, receiver: Receiver, made: Made
) -> None:
    receiver.behave(
        lambda sent: answer(404, f"Cannot {sent.method} {sent.target} {sent.headers}".encode() + sent.body)
    )
    for method in ("GET", "POST"):
        answered = verify(house, made, {"verificationMethod": method})
        assert (answered.status, b"secret" in answered.body) == (409, False)


def test_a_token_that_begins_where_the_quote_ends_is_not_begun(
    house: House, receiver: Receiver, made: Made
) -> None:
    long = "s3cret" * 170
    receiver.behave(answer(500, b"x" * 505 + long.encode()))
    answered = verify(house, made, {"verificationToken": long})
    assert (answered.status, b"s3c" in answered.body) == (409, False)


def test_a_failure_is_audited_as_attempted(house: House, receiver: Receiver, made: Made) -> None:
    receiver.behave(answer(500, TOKEN.encode()))
    answered = verify(house, made, {"verificationToken": "zzz-other"})
    event = house.events(made["id"])[-1]
    assert (event["type"], event["status"]) == ("destination-verified", "attempted")
    assert event["request_id"] == answered.headers["x-request-id"]
    assert event["details"] == {"id": made["id"], "method": "POST", "verified": False}


def test_a_success_is_audited_with_what_it_changed(house: House, receiver: Receiver, made: Made) -> None:
    verify(house, made, {"endpoint": receiver.url + "new?key=hidden", "verificationToken": "zzz-other"})
    event = house.events(made["id"])[-1]
    assert (event["type"], event["status"]) == ("destination-verified", "successful")
    assert event["details"] == {
        "id": made["id"],
        "method": "POST",
        "verified": True,
        "before": {"endpoint": made["endpoint"]},
        "after": {"endpoint": receiver.url + "new?…", "verificationToken": "changed"},
    }


def test_a_success_moves_the_etag_and_shows_it(house: House, made: Made) -> None:
    answer = verify(house, made)
    assert answer.headers["etag"] == house.call("GET", path(made)).headers["etag"] != '"1"'


def test_a_stale_destination_can_be_verified_again(house: House, receiver: Receiver, verified: Made) -> None:
    patched(house, verified, {"endpoint": receiver.url + "moved"})
    assert state(house, verified) == "stale"
    assert verify(house, verified).payload["destination"]["verificationStatus"] == "verified"


@pytest.mark.parametrize("given", [{"endpoint": "http://127.0.0.1:9/"}, {"verificationToken": "other"}])
def test_a_change_during_the_handshake_is_not_called_verified(
    house: House, receiver: Receiver, made: Made, given: dict[str, Any]
) -> None:
    house.token("owner")

    def changed_meanwhile(sent: Request) -> Reply:
        assert patch(house, made, given, by="owner").status == 200
        return echo(sent)

    receiver.behave(changed_meanwhile)
    answer = verify(house, made)
    assert (answer.status, answer.json["type"]) == (409, "/problems/changed")
    assert state(house, made) == "unverified"
    assert get(house, made) == made | {name: value for name, value in given.items() if name == "endpoint"}


def test_a_destination_deleted_during_the_handshake_is_not_found(
    house: House, receiver: Receiver, made: Made
) -> None:
    house.token("owner")

    def deleted_meanwhile(sent: Request) -> Reply:
        assert house.call("DELETE", path(made), by="owner").status == 200
        return echo(sent)

    receiver.behave(deleted_meanwhile)
    assert verify(house, made).status == 404


def test_the_query_of_a_get_is_one_that_a_form_reader_takes_apart(
    house: House, receiver: Receiver, made: Made
) -> None:
    verify(house, made, {"verificationMethod": "GET", "verificationToken": "a+b%20=&c"})
    assert dict(parse_qsl(urlsplit(receiver.requests[0].target).query))["verification-token"] == "a+b%20=&c"


def test_verifying_changes_nothing_else_of_ours(house: House, made: Made) -> None:
    house.call("PATCH", ours(made), {"timeoutSeconds": 7, "successStatus": "200"})
    before = settings(house, made)
    verify(house, made)
    assert settings(house, made) | {"verification": None} == before | {"verification": None}
