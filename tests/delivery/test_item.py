"""What goes over the wire: headers, `Meta`, and what an answer means."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from waypost.clock import from_iso
from waypost.credentials.sending import Under
from waypost.credentials.store import Credential
from waypost.delivery import answers, item
from waypost.delivery.item import Opened
from waypost.delivery.model import Delivered, Failed, Outcome
from waypost.delivery.target import Target
from waypost.destinations import ports
from waypost.destinations.kinds.https import Endpoint
from waypost.destinations.model import Destination
from waypost.destinations.secrets import Secrets
from waypost.egress.client import Answer
from waypost.environments.store import Flag
from waypost.messages import model
from waypost.queues.model import Pending
from waypost.settings import Settings, load

DESTINATION = "a4b1c2d3-0000-4000-8000-000000000001"
ENVIRONMENT = "a4b1c2d3-0000-4000-8000-000000000002"
ENGINE = "RedoxEngine"
OPERATOR = load()
CREDENTIAL = Credential("c", 1, ENVIRONMENT, "n", "OAuth_2.0_2-legged", {}, frozenset(), 1, 0, 0)
BODY = (
    b'{ "Patient" : {"Name":"J\xc3\xb6rg \\u00e9\\/", "Weight": 80.50, "Id":12345678901234567890},\r\n'
    b'\t"Meta":{"DataModel":"Results","EventType":"New","Test" : true,'
    b'"Destinations":[{"ID":"one"},{"ID":"two"}],"Message":{"ID":1.0},"FacilityCode":null}, "Empty":{ } }\n'
)


def a_target(*, token: str | None = None, credential: Credential | None = None, **more: Any) -> Target:
    more |= {"credential_id": credential.id} if credential else {}
    destination = Destination(DESTINATION, ENVIRONMENT, Flag.development, "Ward", "http://127.0.0.1/", **more)
    under = Under(credential, {}, timeout_seconds=5, https_only=False, tls=None)
    return Target(destination, Secrets(token, None), under)


def opened(body: bytes = BODY, *, replay_of: str | None = None) -> Opened:
    start, end = model.meta_span(body)
    pending = Pending(
        7, "log-7", "message-7", replay_of, "source", "Lab \u201cA\u201d", start, end, b"sealed",
        None, "subscription", "Results", "New", 0,
    )  # fmt: skip
    return Opened(pending, body)


def headers(target: Target, *, replay_of: str | None = None, operator: Settings = OPERATOR) -> Mapping[str, str]:
    """The headers of the message's delivery."""
    port = ports.port(target.destination, target.secrets, operator, 0)
    assert isinstance(port, Endpoint)
    return port.post(item.of(target, opened(replay_of=replay_of), "attempt-1")).headers


def outcome(target: Target, answer: Answer) -> Outcome:
    """What an answer comes to."""
    port = ports.port(target.destination, target.secrets, OPERATOR, 0)
    assert isinstance(port, Endpoint)
    return answers.outcome(port.judge(answer), 0)


def test_only_meta_differs_from_what_came_in() -> None:
    sent, came = item.body(a_target(), opened(), "attempt-1"), opened()
    before, after = BODY[: came.pending.meta_start], BODY[came.pending.meta_end :]
    assert sent.startswith(before)
    assert sent.endswith(after)


def test_meta_names_source_this_destination_only_and_the_attempt() -> None:
    meta = json.loads(item.body(a_target(), opened(), "attempt-1"))["Meta"]
    assert meta == {
        "DataModel": "Results",
        "EventType": "New",
        "Test": True,
        "Source": {"ID": "source", "Name": "Lab \u201cA\u201d"},
        "Destinations": [{"ID": DESTINATION, "Name": "Ward"}],
        "Logs": [{"ID": "log-7", "AttemptID": "attempt-1"}],
        "Message": {"ID": 1},
        "FacilityCode": None,
    }


def test_what_meta_says_besides_keeps_its_bytes() -> None:
    sent = item.body(a_target(), opened(), "attempt-1")
    assert b'"Message":{"ID":1.0}' in sent


def test_the_log_id_stays_and_the_attempt_id_is_new() -> None:
    first, second = (
        json.loads(item.body(a_target(), opened(), attempt))["Meta"]["Logs"][0] for attempt in ("one", "two")
    )
    assert first["ID"] == second["ID"]
    assert first["AttemptID"] != second["AttemptID"]


def test_a_destination_without_token_and_credential_gets_no_authorization() -> None:
    assert headers(a_target()) == {
        "Content-Type": "application/json",
        "application-name": ENGINE,
        "waypost-sequence": "7",
    }


def test_a_token_is_sent_in_both_documented_headers() -> None:
    sent = headers(a_target(token="open sesame"))
    assert (sent["verification-token"], sent["authorization"]) == ("open sesame", "Bearer open sesame")


def test_a_token_is_not_sent_as_bearer_where_that_is_off() -> None:
    sent = headers(a_target(token="t", token_as_bearer=False))
    assert (sent["verification-token"], "authorization" in sent) == ("t", False)


def test_beside_a_credential_the_token_stays_out_of_authorization() -> None:
    sent = headers(a_target(token="t", credential=CREDENTIAL))
    assert (sent["verification-token"], "authorization" in sent) == ("t", False)


def test_a_replay_names_what_it_repeats() -> None:
    sent = headers(a_target(), replay_of="log-1")
    assert sent["waypost-replay-of"] == "log-1"


def test_the_application_name_is_a_setting() -> None:
    assert headers(a_target(), operator=load(application_name="Clinic"))["application-name"] == "Clinic"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(status: int) -> None:
    assert outcome(a_target(), Answer(status, {}, b"")) == Delivered(status)


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_where_only_200_is_success_another_2xx_fails(status: int) -> None:
    found = outcome(a_target(success_status="200"), Answer(status, {}, b""))
    assert isinstance(found, Failed)
    assert str(status) in found.reason


def test_200_is_success_where_only_200_is() -> None:
    assert outcome(a_target(success_status="200"), Answer(200, {}, b"")) == Delivered(200)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "The endpoint answered 302 Found. Redirects are not followed: give the destination its final URL."),
        (400, "The endpoint answered 400 Bad Request."),
        (401, "The endpoint answered 401 Unauthorized. Check the destination's credential or verification token."),
        (403, "The endpoint answered 403 Forbidden. Check the destination's credential or verification token."),
        (500, "The endpoint answered 500 Internal Server Error."),
        (599, "The endpoint answered 599."),
        (999, "The endpoint answered 999."),
    ],
)
def test_another_answer_fails_with_its_status_in_words(status: int, words: str) -> None:
    found = outcome(a_target(), Answer(status, {}, b"oh"))
    assert found == Failed(words, status=status, answer=b"oh")


def test_only_the_beginning_of_a_refusal_is_kept() -> None:
    found = outcome(a_target(), Answer(500, {}, b"x" * 65536))
    assert isinstance(found, Failed)
    assert len(found.answer) == answers.MOST_ANSWER_BYTES_KEPT


NOW = from_iso("2026-11-23T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("9" * 400, 999_999_999),
        ("Mon, 23 Nov 2026 12:01:30 GMT", 90),
        ("Monday, 23-Nov-26 12:01:30 GMT", 90),
        ("Mon Nov 23 12:01:30 2026", 90),
        ("Mon, 23 Nov 2026 12:01:30 -0000", 90),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("-1", None),
        ("1.5", None),
        ("+5", None),
        ("\u0661\u0662", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Nov 2026 12:01:30 GMT", None),
        ("Mon, 23 Nov 9999999 12:01:30 GMT", None),
        ("\x00" * 20, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert answers.retry_after({"retry-after": text}, NOW) == seconds


def test_without_retry_after_nothing_is_asked() -> None:
    assert answers.retry_after({}, NOW) is None


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
@pytest.mark.parametrize("text", ["Mon Nov 23 12:01:30 2026", "Mon, 23 Nov 2026 12:01:30 GMT"])
def test_a_date_means_utc_wherever_the_server_stands(text: str) -> None:
    assert answers.retry_after({"retry-after": text}, NOW) == 90
